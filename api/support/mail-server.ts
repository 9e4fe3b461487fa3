// A real SMTP server for tests, which keeps what it takes and refuses what it is told to.
import type { AddressInfo } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer } from 'smtp-server'

export type MailServerForTests = {
  readonly url: string
  readonly received: readonly { readonly to: string; readonly mail: Email }[]
  /** The next so many tries for this recipient are answered with that reply. */
  refuse(address: string, reply: number, times: number): void
  refuseSender(times: number): void
  triesFor(address: string): number
  /** Nobody listens from then on, until `open`, which takes the same port again. */
  close(): Promise<void>
  open(): Promise<void>
  stop(): Promise<void>
}

export async function startMailServer(): Promise<MailServerForTests> {
  const received: { to: string; mail: Email }[] = []
  const refusals = new Map<string, { reply: number; times: number }>()
  const tries = new Map<string, number>()
  let sendersRefused = 0
  const make = () =>
    new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      // Senders keep their connections open: closing does not wait for them.
      closeTimeout: 50,
      onMailFrom(_address, _session, done) {
        if (sendersRefused <= 0) return done()
        sendersRefused -= 1
        done(refusal(550))
      },
      onRcptTo({ address }, _session, done) {
        tries.set(address, (tries.get(address) ?? 0) + 1)
        const told = refusals.get(address)
        if (!told || told.times <= 0) return done()
        told.times -= 1
        done(refusal(told.reply))
      },
      async onData(stream, session, done) {
        const mail = await PostalMime.parse(await new Response(stream as unknown as ReadableStream).arrayBuffer())
        received.push({ to: session.envelope.rcptTo.map((one) => one.address).join(), mail })
        done()
      },
    })
  let server = make()
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = server.server.address() as AddressInfo
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return {
    url: `smtp://127.0.0.1:${port}`,
    received,
    refuse: (address, reply, times) => refusals.set(address, { reply, times }),
    refuseSender: (times) => {
      sendersRefused = times
    },
    triesFor: (address) => tries.get(address) ?? 0,
    close,
    open: () => {
      server = make()
      return listen(port)
    },
    stop: close,
  }
}

function refusal(reply: number): Error {
  return Object.assign(new Error('refused by the test'), { responseCode: reply })
}
