// MQTT over TLS: the server's certificate, and the key that a client shows.
import { constants, createHash, type X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { createServer, type TlsOptions as NodeTlsOptions, type Server, TLSSocket } from 'node:tls'
import type { Clock } from '@ridethrough/db/clock.ts'
import { TlsFiles, type TlsPair, type TlsPaths } from '@ridethrough/db/tls-files.ts'
import type { Logger } from 'pino'
import type { Limits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { WebSocketBytes } from './websocket-bytes.ts'

export type TlsOptions = {
  readonly paths: TlsPaths
  readonly limits: Limits
  readonly metrics: Metrics
  readonly clock: Clock
  readonly log: Logger
}

/** One certificate for all servers that show it. */
export type ServerTls = {
  readonly options: NodeTlsOptions
  /** From now on this server shows what the files hold, and counts who fails. Connections that stand go on as they are. */
  follow(server: Server): void
  stop(): Promise<void>
}

/**
 * A resumed session would carry a client's key over from an earlier handshake, and a renegotiation could change it
 * later: the key is proved anew by each connection, once.
 */
const NOT_WANTED = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION
/** As registered with IANA. */
const ALPN_MQTT = 'mqtt'

/** Watches the files of the certificate. @throws an Error that names the file at fault. */
export async function openTls({ paths, limits, metrics, clock, log }: TlsOptions): Promise<ServerTls> {
  const servers: Server[] = []
  const note = ({ expiresAt }: TlsPair) => metrics.certificateExpiry.set(expiresAt.getTime() / 1000)
  const onChange = (pair: TlsPair) => {
    for (const server of servers) server.setSecureContext(contextOf(pair))
    note(pair)
  }
  const files = await TlsFiles.start({ ...paths, clock, log, onChange })
  note(files.pair)
  return {
    options: {
      ...contextOf(files.pair),
      // Agents show certificates that they made themselves: it is the key that is recognised, by the authenticator.
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMs,
    },
    follow: (server) => {
      servers.push(server)
      // whatever has changed since the options were taken
      server.setSecureContext(contextOf(files.pair))
      server.on('tlsClientError', (error, socket) => {
        metrics.packetsRefused.inc({ reason: 'tls-handshake' })
        log.debug({ address: socket.remoteAddress, reason: error.message }, 'a TLS handshake failed')
        socket.destroy()
      })
    },
    stop: () => files.stop(),
  }
}

/** A server that does not listen: sockets are given to it by its 'connection' event. */
export function createMqttsServer(tls: ServerTls, onSocket: (socket: TLSSocket) => void): Server {
  // Who asks for another protocol is refused in the handshake (RFC 7301 section 3.2); most ask for none.
  const ALPNCallback = ({ protocols }: { protocols: string[] }) => protocols.find((name) => name === ALPN_MQTT)
  const server = createServer({ ...tls.options, ALPNCallback }, onSocket)
  tls.follow(server)
  return server
}

function contextOf({ cert, key }: TlsPair) {
  return { cert, key, minVersion: 'TLSv1.2' as const, secureOptions: NOT_WANTED }
}

/** `hash` is the SHA-256 of the public key (SPKI, DER); `expiresAt` what the certificate says of itself. */
export type ShownKey = { readonly hash: Buffer; readonly expiresAt: Date | null }

/** The key of the client's certificate. That the client holds it was proved in this connection's handshake. */
export function shownKeyOf(stream: Duplex): ShownKey | undefined {
  const isWebSocket = stream instanceof WebSocketBytes
  if (isWebSocket && stream.isForeignPage) return undefined
  const socket = isWebSocket ? stream.carrier : stream
  if (!(socket instanceof TLSSocket) || socket.isSessionReused()) return undefined
  const certificate = socket.getPeerX509Certificate()
  return certificate && readKey(certificate)
}

function readKey({ publicKey, validToDate }: X509Certificate): ShownKey {
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return {
    hash: createHash('sha256').update(spki).digest(),
    expiresAt: Number.isFinite(validToDate.getTime()) ? validToDate : null,
  }
}
