// A simulated UPS on real SNMP: UDP on 127.0.0.1, v1, v2c or v3. Messages, communities and USM are net-snmp's;
// what is answered is ours (tree.ts), because its own MIB acknowledges a SET of an object that is not there.
import type { RemoteInfo } from 'node:dgram'
import snmp from 'net-snmp'
import type { Logger } from 'pino'
import type { SnmpAccess } from '../config.ts'
import type { Unit } from '../unit.ts'
import type { Face } from './face.ts'
import { createGarbler, type Garbler, type RawVarbind } from './garbage.ts'
import type { MibObject, Syntax } from './mib.ts'
import { type Answer, type Ask, createTree, type SetRefusal, type Tree } from './tree.ts'
import { openUdpWire } from './udp.ts'

// Far more than a sensible manager asks for, and well inside one datagram.
const MAX_VARBINDS = 200

const { AuthProtocols, ErrorStatus, ObjectType, PduType, PrivProtocols, SecurityLevel } = snmp

const TYPES: Readonly<Record<Syntax, number>> = {
  integer: ObjectType.Integer,
  gauge: ObjectType.Gauge,
  counter: ObjectType.Counter,
  ticks: ObjectType.TimeTicks,
  text: ObjectType.OctetString,
  oid: ObjectType.OID,
}
const SYNTAXES = new Map(Object.entries(TYPES).map(([syntax, type]) => [type, syntax as Syntax]))
const EXCEPTIONS = {
  noSuchObject: ObjectType.NoSuchObject,
  noSuchInstance: ObjectType.NoSuchInstance,
  endOfMibView: ObjectType.EndOfMibView,
} as const
const ERRORS: Readonly<Record<SetRefusal, number>> = {
  notWritable: ErrorStatus.NotWritable,
  noCreation: ErrorStatus.NoCreation,
  wrongType: ErrorStatus.WrongType,
  wrongValue: ErrorStatus.WrongValue,
  wrongLength: ErrorStatus.WrongLength,
  inconsistentValue: ErrorStatus.InconsistentValue,
  resourceUnavailable: ErrorStatus.ResourceUnavailable,
}
const VERSIONS: Readonly<Record<SnmpAccess['version'], readonly number[]>> = {
  v1: [snmp.Version1],
  v2c: [snmp.Version1, snmp.Version2c],
  v3: [snmp.Version3],
}

// What net-snmp hands over; its types say `any`.
type Pdu = {
  readonly type: number
  readonly varbinds: RawVarbind[]
  nonRepeaters?: number
  maxRepetitions?: number
  getResponsePduForRequest(): ResponsePdu
}
type ResponsePdu = { errorStatus: number; errorIndex: number; varbinds: RawVarbind[] }
type Message = { readonly version: number; readonly pdu: Pdu }
type Handler = (socket: unknown, message: Message, from: RemoteInfo) => void
type Agent = {
  getAuthorizer(): { addCommunity(community: string): void; addUser(user: object): void }
  sendResponse(socket: unknown, from: RemoteInfo, message: Message, response: ResponsePdu): void
  getRequest: Handler
  getNextRequest: Handler
  getBulkRequest: Handler
  setRequest: Handler
}

export type SnmpFaceOptions = {
  readonly access: SnmpAccess
  readonly port: number
  readonly seed: number
  readonly objects: readonly MibObject[]
}

export async function startSnmpFace(unit: Unit, options: SnmpFaceOptions, log: Logger): Promise<Face> {
  const { access, seed, objects } = options
  const garbler = createGarbler(seed)
  const isMad = () => unit.fault() === 'garbage'
  const wire = await openUdpWire({
    port: options.port,
    hears: () => unit.fault() !== 'silent',
    spoil: (answer) => (isMad() ? garbler.spoil(answer) : answer),
    onError: (error) => log.debug({ err: error, ups: unit.name }, 'a datagram was dropped'),
  })
  const agent: Agent = snmp.createAgent(
    {
      dgramModule: wire.dgramModule,
      engineID: engineIdOf(seed, wire.port),
      accessControlModelType: snmp.AccessControlModelType.None,
    },
    (error: unknown) => {
      if (error) log.debug({ err: error, ups: unit.name }, 'a request was refused')
    },
  )
  admit(agent, access)
  const answer = createAnswerer(unit, createTree(objects, { startedAt: unit.startedAt }), garbler, isMad)
  const handle: Handler = (socket, message, from) => {
    if (!VERSIONS[access.version].includes(message.version)) return
    agent.sendResponse(socket, from, message, answer(message))
  }
  for (const method of ['getRequest', 'getNextRequest', 'getBulkRequest', 'setRequest'] as const) agent[method] = handle
  return { wire: `snmp-${access.version}`, address: `127.0.0.1:${wire.port}`, stop: wire.stop }
}

function admit(agent: Agent, access: SnmpAccess): void {
  const authorizer = agent.getAuthorizer()
  if (access.version !== 'v3') {
    authorizer.addCommunity(access.community)
    return
  }
  authorizer.addUser({
    name: access.user,
    level: SecurityLevel.authPriv,
    authProtocol: AuthProtocols[access.authProtocol],
    authKey: access.authKey,
    privProtocol: PrivProtocols[access.privProtocol],
    privKey: access.privKey,
  })
}

// RFC 3411's snmpEngineID: enterprise 8072 (net-snmp) with the first bit set, format 5 (octets), then our own.
function engineIdOf(seed: number, port: number): string {
  const own = Buffer.alloc(6)
  own.writeUInt32BE(seed >>> 0, 0)
  own.writeUInt16BE(port, 4)
  return `80001f8805${own.toString('hex')}`
}

/** From a request to its response; the agent puts it into the words of the request's version. */
function createAnswerer(unit: Unit, tree: Tree, garbler: Garbler, isMad: () => boolean) {
  return (message: Message): ResponsePdu => {
    const { pdu } = message
    const response = pdu.getResponsePduForRequest()
    response.errorStatus = ErrorStatus.NoError
    response.errorIndex = 0
    if (pdu.type === PduType.SetRequest) {
      return isMad() ? fail(response, pdu, ErrorStatus.GeneralError, 1) : set(unit, tree, pdu, response)
    }
    const answers = read(unit, tree, pdu)
    const missing = answers.findIndex((answer) => answer.kind !== 'value')
    // Version 1 has no exceptions in varbinds: the whole answer is noSuchName (RFC 3584 section 4.2.2.1).
    if (missing >= 0 && message.version === snmp.Version1)
      return fail(response, pdu, ErrorStatus.NoSuchName, missing + 1)
    response.varbinds = answers.map((answer) =>
      isMad() && answer.kind === 'value' ? garbler.garble(answer.oid) : toVarbind(answer),
    )
    return response
  }
}

function read(unit: Unit, tree: Tree, pdu: Pdu): Answer[] {
  const state = unit.state()
  const oids = pdu.varbinds.map(({ oid }) => oid)
  if (pdu.type === PduType.GetRequest) return oids.map((oid) => tree.get(state, oid))
  if (pdu.type === PduType.GetNextRequest) return oids.map((oid) => tree.next(state, oid))
  const single = Math.min(oids.length, Math.max(0, pdu.nonRepeaters ?? 0))
  const answers = oids.slice(0, single).map((oid) => tree.next(state, oid))
  let row = oids.slice(single)
  for (let round = 0; round < (pdu.maxRepetitions ?? 0) && row.length > 0; round += 1) {
    const found = row.map((oid) => tree.next(state, oid))
    if (answers.length + found.length > MAX_VARBINDS) break
    answers.push(...found)
    if (found.every((answer) => answer.kind === 'endOfMibView')) break
    row = found.map((answer) => answer.oid)
  }
  return answers
}

function set(unit: Unit, tree: Tree, pdu: Pdu, response: ResponsePdu): ResponsePdu {
  const outcome = tree.set(unit.state(), pdu.varbinds.map(toAsk))
  if (!outcome.ok) return fail(response, pdu, ERRORS[outcome.error], outcome.index)
  unit.write(outcome.state)
  response.varbinds = [...pdu.varbinds]
  return response
}

// A refused request comes back with its own varbinds (RFC 3416 section 4.2).
function fail(response: ResponsePdu, pdu: Pdu, status: number, index: number): ResponsePdu {
  response.errorStatus = status
  response.errorIndex = index
  response.varbinds = [...pdu.varbinds]
  return response
}

function toAsk({ oid, type, value }: RawVarbind): Ask {
  const syntax = SYNTAXES.get(type)
  const plain = Buffer.isBuffer(value) ? value.toString('utf8') : (value ?? '')
  return { oid, syntax: syntax ?? 'other', value: plain }
}

function toVarbind(answer: Answer): RawVarbind {
  if (answer.kind !== 'value') return { oid: answer.oid, type: EXCEPTIONS[answer.kind], value: null }
  return { oid: answer.oid, type: TYPES[answer.syntax], value: answer.value }
}
