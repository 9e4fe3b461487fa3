// A small SNMP agent on 127.0.0.1 that answers what a test tells it to: net-snmp's messages over a socket of our own.
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import snmp from 'net-snmp'
import { onTestFinished } from 'vitest'
import type { SnmpTarget } from '../transport/snmp.ts'

export type PeerValue = number | string

export type SnmpPeer = {
  readonly target: SnmpTarget
  /** Objects by OID, numbers as INTEGER and texts as OCTET STRING (or OID when they look like one). */
  readonly objects: Map<string, PeerValue>
  /** Never answers while true. */
  isSilent: boolean
  /** What really leaves in place of an answer. */
  spoil: (answer: Buffer) => Buffer
  /** Requests that arrived. */
  readonly asked: number
}

type Pdu = {
  type: number
  varbinds: { oid: string }[]
  getResponsePduForRequest(): { varbinds: unknown[]; errorStatus: number; errorIndex: number }
}
type Message = { pdu: Pdu; version: number; createResponseForRequest(response: unknown): { toBuffer(): Buffer } }

export async function startPeer(objects: Readonly<Record<string, PeerValue>>): Promise<SnmpPeer> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  let asked = 0
  const peer = {
    target: {
      host: '127.0.0.1',
      port: socket.address().port,
      timeoutMs: 200,
      retries: 0,
      access: { version: '2c', community: 'public' },
    } as const,
    objects: new Map(Object.entries(objects)),
    isSilent: false,
    spoil: (answer: Buffer) => answer,
    get asked() {
      return asked
    },
  }
  const face = {
    bind: () => {},
    close: () => {},
    on: (event: string, listener: (message: Buffer, from: RemoteInfo) => void) => {
      if (event === 'message') socket.on('message', listener)
    },
  }
  const agent = snmp.createAgent(
    { port: 161, disableAuthorization: true, dgramModule: { createSocket: () => face } },
    () => {},
  )
  const answer = (_: unknown, message: Message, from: RemoteInfo) => {
    asked += 1
    if (peer.isSilent) return
    const response = message.pdu.getResponsePduForRequest()
    const isGet = message.pdu.type === snmp.PduType.GetRequest
    response.varbinds = message.pdu.varbinds.map(({ oid }) =>
      isGet ? valueAt(peer.objects, oid) : nextAfter(peer.objects, oid),
    )
    const bytes = peer.spoil(message.createResponseForRequest(response).toBuffer())
    socket.send(bytes, from.port, from.address)
  }
  Object.assign(agent, { getRequest: answer, getNextRequest: answer, getBulkRequest: answer })
  onTestFinished(() => void socket.close())
  return peer
}

function valueAt(objects: ReadonlyMap<string, PeerValue>, oid: string) {
  const value = objects.get(oid)
  if (value === undefined) return { oid, type: snmp.ObjectType.NoSuchInstance, value: null }
  if (typeof value === 'number') return { oid, type: snmp.ObjectType.Integer, value }
  return { oid, type: /^1\.3(\.\d+)+$/.test(value) ? snmp.ObjectType.OID : snmp.ObjectType.OctetString, value }
}

function nextAfter(objects: ReadonlyMap<string, PeerValue>, oid: string) {
  const next = [...objects.keys()].sort(byNumbers).find((other) => byNumbers(other, oid) > 0)
  return next === undefined ? { oid, type: snmp.ObjectType.EndOfMibView, value: null } : valueAt(objects, next)
}

function byNumbers(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? -1) - (right[at] ?? -1)
    if (difference !== 0) return difference
  }
  return 0
}
