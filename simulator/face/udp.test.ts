import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { openUdpWire } from './udp.ts'

type Bound = { on(event: string, listener: (message: Buffer, from: RemoteInfo) => void): void }

test('what a handler throws at one datagram does not stop the next', async () => {
  const errors: unknown[] = []
  const wire = await openUdpWire({
    port: 0,
    hears: () => true,
    spoil: (answer) => answer,
    onError: (error) => errors.push(error),
  })
  const bound = wire.dgramModule.createSocket() as Bound
  const heard = new Promise((resolve) => {
    bound.on('message', (message) => {
      if (message.toString() === 'bad') throw new Error('cannot read this')
      resolve(message.toString())
    })
  })
  const sender = createSocket('udp4')
  sender.send('bad', wire.port, '127.0.0.1')
  sender.send('good', wire.port, '127.0.0.1')
  expect(await heard).toBe('good')
  expect(errors).toEqual([new Error('cannot read this')])
  sender.close()
  await once(sender, 'close')
  await wire.stop()
})
