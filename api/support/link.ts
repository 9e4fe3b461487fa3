// Links as tests make, open and watch them; every frame is checked against the contract.
import { once } from 'node:events'
import {
  LINK_BEARER,
  LINK_SUBPROTOCOL,
  LinkEvent,
  type LinkView,
  type NewLink,
} from '@ridethrough/protocol/http/link.ts'
import { WebSocket } from 'ws'
import type { RunningApi } from '../main.ts'
import { type Answer, type Client, clientOf } from './harness.ts'

export type MadeLink = { readonly view: LinkView; readonly token: string }

export async function makeLink(
  call: Client,
  deviceIds: readonly string[],
  more: Partial<NewLink> = {},
): Promise<MadeLink> {
  const { status, body } = await call('POST', '/share-links', { name: 'For the plumber', deviceIds, ...more })
  if (status !== 201) throw new Error(`the link was not made: ${status} ${JSON.stringify(body)}`)
  return { view: body.link, token: tokenIn(body.link.url) }
}

export function tokenIn(url: string): string {
  return url.slice(url.indexOf('#') + 1)
}

/** `held`: what the same browser got when it opened a link before. */
export function tryLink(api: RunningApi, token: string, pin?: string, held?: string, headers = {}): Promise<Answer> {
  return clientOf(api, held)('POST', '/link', { token, ...(pin === undefined ? {} : { pin }) }, headers)
}

/** The bearer token of a link that opens. */
export async function openLink(api: RunningApi, token: string, pin?: string, headers = {}): Promise<string> {
  const { status, body } = await tryLink(api, token, pin, undefined, headers)
  if (status !== 200) throw new Error(`the link does not open: ${status} ${JSON.stringify(body)}`)
  return body.token
}

export type LinkWatch = {
  readonly socket: WebSocket
  /** As they came. */
  readonly texts: string[]
  readonly events: LinkEvent[]
  /** Milliseconds on the monotonic clock at which the server had said goodbye. */
  closedAt(): number | undefined
  next(match: (event: LinkEvent) => boolean): Promise<LinkEvent>
}

/** As a browser does it: the token in a subprotocol. */
export async function watchLink(api: RunningApi, bearer: string): Promise<LinkWatch> {
  const socket = new WebSocket(`${api.httpUrl.replace('http', 'ws')}/api/v1/link/live`, [
    LINK_SUBPROTOCOL,
    `${LINK_BEARER}${bearer}`,
  ])
  const [texts, events]: [string[], LinkEvent[]] = [[], []]
  let wake = () => {}
  let closedAt: number | undefined
  socket.on('message', (data) => {
    texts.push(String(data))
    events.push(LinkEvent.parse(JSON.parse(String(data))))
    wake()
  })
  socket.on('close', () => {
    closedAt = performance.now()
  })
  await once(socket, 'open')
  const next = async (match: (event: LinkEvent) => boolean): Promise<LinkEvent> => {
    for (;;) {
      const found = events.find(match)
      if (found) return found
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  await next((event) => event.type === 'snapshot')
  return { socket, texts, events, closedAt: () => closedAt, next }
}

export const isStateOf = (deviceId: string, seq: number) => (event: LinkEvent) =>
  event.type === 'state' && event.state.deviceId === deviceId && event.state.seq === seq
