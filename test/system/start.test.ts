// `ridethrough start` as somebody who tries it sees it: everything up, values moving, and a second start that goes on.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { DevicePage } from '@ridethrough/protocol/http/device.ts'
import type { LiveEvent } from '@ridethrough/protocol/http/live.ts'
import { SharePage } from '@ridethrough/protocol/http/share.ts'
import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { watchLive } from '../support/caller.ts'

const CLI = join(import.meta.dirname, '../../bin/ridethrough.ts')
const Demo = z.object({
  http: z.string(),
  mqtt: z.string(),
  simulator: z.string(),
  accounts: z.array(z.object({ email: z.string(), password: z.string(), role: z.enum(['owner', 'recipient']) })),
})

const folders: string[] = []
const running = new Set<ChildProcess>()

afterAll(async () => {
  for (const child of running) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

type Started = {
  readonly demo: z.infer<typeof Demo>
  readonly said: () => string
  end(signal: NodeJS.Signals): Promise<void>
}

async function start(dataDir: string): Promise<Started> {
  const env = { ...process.env, DATA_DIR: dataDir, HTTP_PORT: '0', MQTT_PORT: '0' }
  const child = spawn(process.execPath, [CLI, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let said = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (/^recipient /m.test(said)) resolve()
      })
    }
    child.once('exit', (code) => reject(new Error(`start ended with ${code}: ${said}`)))
  })
  return {
    demo: Demo.parse(JSON.parse(await readFile(join(dataDir, 'demo.json'), 'utf8'))),
    said: () => said,
    end: async (signal) => {
      const gone = once(child, 'exit')
      child.kill(signal)
      await gone
      running.delete(child)
    },
  }
}

async function signIn({ http, accounts }: z.infer<typeof Demo>, role: string): Promise<string> {
  const { email, password } = accounts.find((account) => account.role === role) ?? { email: '', password: '' }
  const answer = await fetch(`${http}/api/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  return SessionAnswer.parse(await answer.json()).token
}

async function ask<T extends z.ZodType>(http: string, token: string, path: string, schema: T): Promise<z.infer<T>> {
  const answer = await fetch(`${http}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  return schema.parse(await answer.json())
}

const loadOf = (event: LiveEvent, deviceId: string) =>
  event.type === 'state' && event.state.deviceId === deviceId ? event.state.variables['ups.load'] : undefined

test('everything runs, values change, and a second start goes on with the same data, also after kill -9', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ridethrough-start-'))
  folders.push(dataDir)
  const first = await start(dataDir)
  folders.push(await realpath(join(dataDir, 'postgres')))
  expect((await stat(join(dataDir, 'demo.json'))).mode & 0o777).toBe(0o600)
  for (const { password } of first.demo.accounts) expect(first.said()).toContain(password)

  const { http } = first.demo
  const asOwner = await signIn(first.demo, 'owner')
  const devices = await ask(http, asOwner, '/devices?scope=mine', DevicePage)
  expect(devices.items.length).toBeGreaterThanOrEqual(4)
  const asRecipient = await signIn(first.demo, 'recipient')
  const received = await ask(http, asRecipient, '/shares?direction=received', SharePage)
  expect(received.items.map((share) => share.state).toSorted()).toEqual(['accepted', 'pending'])

  const [shared] = (await ask(http, asRecipient, '/devices?scope=shared', DevicePage)).items
  const live = await watchLive(http, asRecipient)
  const before = await live.events.first((event) => loadOf(event, shared?.id ?? '') !== undefined)
  await live.events.first((event) => {
    const load = loadOf(event, shared?.id ?? '')
    return load !== undefined && load !== loadOf(before, shared?.id ?? '')
  })
  const page = await (await fetch(http)).text()
  expect(page).toContain('<div id="root">')
  await live.stop()
  await first.end('SIGKILL')

  const second = await start(dataDir)
  expect(second.demo.accounts).toEqual(first.demo.accounts)
  const again = await ask(second.demo.http, await signIn(second.demo, 'owner'), '/devices?scope=mine', DevicePage)
  expect(again.items.map((device) => device.id).toSorted()).toEqual(devices.items.map((device) => device.id).toSorted())
  await second.end('SIGTERM')
}, 180_000)
