// One SNMP peer: asks for objects and columns, and says plainly when it gets no answer or nonsense. Knows no devices.
import { createSocket, type Socket, type SocketType } from 'node:dgram'
import { isIPv6 } from 'node:net'
import snmp, { type Session, type Varbind } from 'net-snmp'
import { decodeVarbind, type SnmpValue } from './varbind.ts'

export const AUTH_PROTOCOLS = ['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'] as const
/** Without DES: the runtime's OpenSSL no longer carries it. */
export const PRIV_PROTOCOLS = ['aes', 'aes256b', 'aes256r'] as const
export const SECURITY_LEVELS = ['noAuthNoPriv', 'authNoPriv', 'authPriv'] as const

export type SnmpUser = {
  readonly user: string
  readonly level: (typeof SECURITY_LEVELS)[number]
  readonly authProtocol?: (typeof AUTH_PROTOCOLS)[number]
  readonly authKey?: string
  readonly privProtocol?: (typeof PRIV_PROTOCOLS)[number]
  readonly privKey?: string
}

export type SnmpAccess =
  | { readonly version: '1' | '2c'; readonly community: string }
  | { readonly version: '3'; readonly user: SnmpUser }

export type SnmpTarget = {
  readonly host: string
  readonly port: number
  /** Milliseconds to wait for each answer, and how often to ask again. */
  readonly timeoutMs: number
  readonly retries: number
  readonly access: SnmpAccess
}

/** What a driver needs of a transport; a recording can stand in for a wire. */
export type SnmpReader = {
  /** The values of those objects that exist; absent ones are not in the map. @throws {SnmpError} */
  get(oids: readonly string[]): Promise<Map<string, SnmpValue>>
  /** The rows of one table column by what follows its OID. @throws {SnmpError} */
  column(oid: string): Promise<Map<string, SnmpValue>>
}

/** `refused`: the peer answers, but not to this user (SNMPv3 says so; v1 and v2c just keep silent). */
export type SnmpFailure = 'no-answer' | 'nonsense' | 'refused'

export class SnmpError extends Error {
  readonly failure: SnmpFailure
  constructor(failure: SnmpFailure, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'SnmpError'
    this.failure = failure
  }
}

/** Old cards answer no more than some twenty objects in one packet. */
const OBJECTS_PER_GET = 16
const MAX_ROWS = 512
const MAX_REPETITIONS = 16

/** Owns a socket: stop it. One request at a time keeps slow cards from dropping packets. */
export class SnmpSession implements SnmpReader {
  readonly #session: Session
  readonly #target: SnmpTarget
  #garbled = 0
  #isStopped = false
  #abandon: (error: Error) => void = () => {}

  constructor(target: SnmpTarget) {
    this.#target = target
    // A packet that makes net-snmp throw may have been taken for the answer already: nobody would wait for another.
    this.#session = openSession(target, () => {
      this.#abandon(new SnmpError('nonsense', `${target.host} port ${target.port} answers with malformed packets`))
    })
    // net-snmp reports a packet that it cannot decode here, and goes on waiting for a good one.
    this.#session.on('error', () => {
      this.#garbled += 1
    })
  }

  async get(oids: readonly string[]): Promise<Map<string, SnmpValue>> {
    const values = new Map<string, SnmpValue>()
    for (let from = 0; from < oids.length; from += OBJECTS_PER_GET) {
      await this.#getSome(oids.slice(from, from + OBJECTS_PER_GET), values)
    }
    return values
  }

  async column(oid: string): Promise<Map<string, SnmpValue>> {
    const rows = new Map<string, SnmpValue>()
    const seen = new Set<string>()
    let isCircling = false
    const feed = (varbinds: Varbind[]): boolean => {
      for (const varbind of varbinds) {
        // net-snmp lets a row follow itself, and would then walk for ever.
        isCircling ||= seen.has(varbind.oid)
        seen.add(varbind.oid)
        const value = decodeVarbind(varbind)
        if (value !== undefined) rows.set(varbind.oid.slice(oid.length + 1), value)
      }
      return isCircling || seen.size >= MAX_ROWS
    }
    try {
      // net-snmp stops the walk when its callback returns true; its types know only half of that.
      await this.#ask((done) => this.#session.subtree(oid, MAX_REPETITIONS, feed as (v: Varbind[]) => void, done))
    } catch (error) {
      // Version 1 ends a walk that reaches the end of everything with noSuchName.
      if (!(error instanceof RequestFailed)) throw error
    }
    if (isCircling) throw new SnmpError('nonsense', `the table ${oid} of ${this.#target.host} has no end`)
    return rows
  }

  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#session.close()
    // A request that was just being handed to the socket never hears of its end from net-snmp.
    this.#abandon(new SnmpError('no-answer', 'the session is closed'))
  }

  /** Version 1 fails the whole packet for one absent object, and small cards for one too many: halve it until it fits. */
  async #getSome(oids: readonly string[], values: Map<string, SnmpValue>): Promise<void> {
    try {
      const varbinds = await this.#ask<Varbind[]>((done) => this.#session.get([...oids], done))
      keepAsked(oids, varbinds, values)
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error
      if (oids.length === 1) return
      const middle = oids.length >> 1
      await this.#getSome(oids.slice(0, middle), values)
      await this.#getSome(oids.slice(middle), values)
    }
  }

  #ask<T>(send: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
    const garbledBefore = this.#garbled
    return new Promise((resolve, reject) => {
      this.#abandon = reject
      if (this.#isStopped) {
        reject(new SnmpError('no-answer', 'the session is closed'))
        return
      }
      send((error, result) => {
        if (error) reject(this.#failureOf(error, this.#garbled > garbledBefore))
        else resolve(result as T)
      })
    })
  }

  #failureOf(error: Error, wasGarbled: boolean): Error {
    const { host, port, timeoutMs, retries, access } = this.#target
    const where = `${host} port ${port}`
    if (error instanceof snmp.RequestFailedError) return new RequestFailed(error.message)
    if (error.name === 'RequestTimedOutError') {
      if (wasGarbled) return new SnmpError('nonsense', `${where} answers with packets that are not SNMP`)
      const credentials = access.version === '3' ? 'the SNMPv3 user' : 'the community'
      const tries = `${retries + 1} tries of ${timeoutMs} ms`
      return new SnmpError(
        'no-answer',
        `no answer from ${where} after ${tries}: check power, network, address and ${credentials}`,
      )
    }
    if (error instanceof snmp.ResponseInvalidError) {
      if (error.code === snmp.ResponseInvalidCode.EAuthFailure) {
        return new SnmpError(
          'refused',
          `${where} refuses the SNMPv3 user: check user, level, protocols and keys (${error.message})`,
        )
      }
      return new SnmpError('nonsense', `${where} answers nonsense: ${error.message}`, { cause: error })
    }
    return new SnmpError('no-answer', `${where} cannot be reached: ${error.message}`, { cause: error })
  }
}

/** The peer answered with an SNMP error status; the caller asks for less. */
class RequestFailed extends Error {}

function keepAsked(oids: readonly string[], varbinds: readonly Varbind[], values: Map<string, SnmpValue>): void {
  const asked = new Set(oids)
  for (const varbind of varbinds) {
    if (!asked.has(varbind.oid)) throw new SnmpError('nonsense', `asked for other objects than ${varbind.oid}`)
    const value = decodeVarbind(varbind)
    if (value !== undefined) values.set(varbind.oid, value)
  }
}

function openSession(target: SnmpTarget, onThrow: () => void): Session {
  const { access } = target
  const options = {
    port: target.port,
    timeout: target.timeoutMs,
    retries: target.retries,
    transport: isIPv6(target.host) ? ('udp6' as const) : ('udp4' as const),
    // A table that runs backwards is an error, not a long walk.
    backwardsGetNexts: false,
    dgramModule: guardedDgram(onThrow),
  }
  if (access.version === '3') {
    return snmp.createV3Session(target.host, toUser(access.user), { ...options, version: snmp.Version3 })
  }
  const version = access.version === '1' ? snmp.Version1 : snmp.Version2c
  return snmp.createSession(target.host, access.community, { ...options, version })
}

/** Some malformed packets make net-snmp throw out of its socket's handler, which would end the process. */
function guardedDgram(onThrow: () => void) {
  return {
    createSocket(type: SocketType): Socket {
      const socket = createSocket(type)
      const on = socket.on.bind(socket)
      const guard =
        (listener: (...args: unknown[]) => void) =>
        (...args: unknown[]) => {
          try {
            listener(...args)
          } catch {
            onThrow()
          }
        }
      socket.on = ((event: string, listener: (...args: unknown[]) => void) =>
        on(event, event === 'message' ? guard(listener) : listener)) as typeof socket.on
      return socket
    },
  }
}

function toUser({ user, level, authProtocol, authKey, privProtocol, privKey }: SnmpUser) {
  return {
    name: user,
    level: snmp.SecurityLevel[level],
    ...(authProtocol && { authProtocol: snmp.AuthProtocols[authProtocol], authKey }),
    ...(privProtocol && { privProtocol: snmp.PrivProtocols[privProtocol], privKey }),
  }
}
