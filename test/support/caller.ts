// A program that uses the API: sign-up through the mailbox, JSON calls with a bearer token, a live WebSocket, an MQTT reader.
import { once } from 'node:events'
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { Problem } from '@ridethrough/protocol/http/common.ts'
import { LiveEvent } from '@ridethrough/protocol/http/live.ts'
import mqtt, { type MqttClient } from 'mqtt'
import WebSocket from 'ws'
import { z } from 'zod'

export type Answer = { readonly status: number; readonly body: unknown }

export type Caller = {
  readonly email: string
  readonly token: string
  readonly accountId: string
  /** Throws with the problem's text when the answer is not 2xx. */
  call<T extends z.ZodType>(method: string, path: string, schema: T, body?: unknown): Promise<z.infer<T>>
  /** The answer as it is. */
  ask(method: string, path: string, body?: unknown): Promise<Answer>
}

const Mails = z.object({ items: z.array(z.object({ recipient: z.string(), subject: z.string(), text: z.string() })) })

async function ask(
  http: string,
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const answer = await fetch(`${http}/api/v1${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
}

/** The newest mail to this address that holds a match; mails are written with the change, so no waiting is needed. */
export async function findInMail(http: string, email: string, pattern: RegExp): Promise<string> {
  const mails = Mails.parse(await (await fetch(`${http}/dev/mailbox.json`)).json())
  for (const mail of mails.items.filter((one) => one.recipient === email)) {
    const found = pattern.exec(mail.text)?.[1]
    if (found) return found
  }
  throw new Error(`no mail to ${email} matches ${pattern}`)
}

export async function signUp(http: string, email: string, password = 'correct horse battery'): Promise<Caller> {
  await ask(http, undefined, 'POST', '/accounts', { email, password, name: email.split('@')[0] })
  const code = await findInMail(http, email, /^\s*([0-9A-Z]{4}-[0-9A-Z]{4})\s*$/m)
  const { body } = await ask(http, undefined, 'POST', '/accounts/verify', { email, code })
  const { token, account } = SessionAnswer.parse(body)
  return {
    email,
    token,
    accountId: account.id,
    ask: (method, path, sent) => ask(http, token, method, path, sent),
    call: async (method, path, schema, sent) => {
      const answer = await ask(http, token, method, path, sent)
      if (answer.status >= 300)
        throw new Error(`${method} ${path}: ${Problem.safeParse(answer.body).data?.detail ?? answer.status}`)
      return schema.parse(answer.body)
    },
  }
}

/** What arrives, in order, and a way to wait for the first that fits (also among those that came before). */
export class Inbox<T> {
  readonly all: T[] = []
  readonly #waiting = new Set<() => void>()

  add(item: T): void {
    this.all.push(item)
    for (const look of this.#waiting) look()
  }

  /** Everything that came is looked at from index `from` on. */
  async first(fits: (item: T) => boolean, from = 0, patienceMs = 20_000): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const look = () => {
      const found = this.all.slice(from).find(fits)
      if (found !== undefined) resolve(found)
    }
    const timer = setTimeout(() => reject(new Error(`nothing fitting among ${this.all.length} that came`)), patienceMs)
    this.#waiting.add(look)
    look()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(look)
    }
  }
}

export type LiveViewer = { readonly events: Inbox<LiveEvent>; readonly socket: WebSocket; stop(): Promise<void> }

export async function watchLive(http: string, token: string): Promise<LiveViewer> {
  const socket = new WebSocket(`${http.replace('http', 'ws')}/api/v1/live`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const events = new Inbox<LiveEvent>()
  socket.on('message', (data) => events.add(LiveEvent.parse(JSON.parse(String(data)))))
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'watch', devices: 'all' }))
  return {
    events,
    socket,
    stop: async () => {
      if (socket.readyState === WebSocket.CLOSED) return
      socket.close()
      await once(socket, 'close')
    },
  }
}

export type Message = { readonly topic: string; readonly text: string; readonly retain: boolean }
export type Reader = { readonly client: MqttClient; readonly messages: Inbox<Message>; stop(): Promise<void> }

/** An MQTT client that signs in with a person's token. */
export async function readMqtt(mqttUrl: string, token: string, filters: readonly string[]): Promise<Reader> {
  const client = await mqtt.connectAsync(mqttUrl, {
    username: 'anything',
    password: token,
    reconnectPeriod: 0,
    protocolVersion: 4,
  })
  const messages = new Inbox<Message>()
  client.on('message', (topic, payload, packet) =>
    messages.add({ topic, text: payload.toString(), retain: packet.retain }),
  )
  client.on('error', () => {})
  for (const filter of filters) await client.subscribeAsync(filter, { qos: 0 })
  return { client, messages, stop: () => client.endAsync(true) }
}
