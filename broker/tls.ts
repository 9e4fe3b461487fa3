// MQTT over TLS: the server's certificate, and the key that a client shows.
import { constants, createHash, type X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type Server, TLSSocket } from 'node:tls'
import type { Clock } from '@ridethrough/db/clock.ts'
import { TlsFiles, type TlsPair, type TlsPaths } from '@ridethrough/db/tls-files.ts'
import type { Logger } from 'pino'
import type { Metrics } from './metrics.ts'

export type TlsServerOptions = {
  readonly paths: TlsPaths
  readonly onSocket: (socket: Socket) => void
  readonly metrics: Metrics
  readonly clock: Clock
  readonly log: Logger
}

const HANDSHAKE_MS = 10_000
/**
 * A resumed session would carry a client's key over from an earlier handshake, and a renegotiation could change it
 * later: the key is proved anew by each connection, once.
 */
const NOT_WANTED = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION

/** A server that does not listen yet. Connections that stand go on when the certificate changes. */
export async function createTlsServer(
  options: TlsServerOptions,
): Promise<{ readonly server: Server; stop(): Promise<void> }> {
  const { paths, onSocket, metrics, clock, log } = options
  const files = await TlsFiles.start({
    ...paths,
    clock,
    log,
    onChange: (pair) => {
      server.setSecureContext(contextOf(pair))
      note(pair)
    },
  })
  const note = ({ expiresAt }: TlsPair) => metrics.certificateExpiry.set(expiresAt.getTime() / 1000)
  const server = createServer({
    ...contextOf(files.pair),
    // Agents show certificates that they made themselves: it is the key that is recognised, by the authenticator.
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_MS,
  })
  note(files.pair)
  server.on('secureConnection', onSocket)
  server.on('tlsClientError', (error, socket) => {
    metrics.packetsRefused.inc({ reason: 'tls-handshake' })
    log.debug({ address: socket.remoteAddress, reason: error.message }, 'a TLS handshake failed')
    socket.destroy()
  })
  return { server, stop: () => files.stop() }
}

function contextOf({ cert, key }: TlsPair) {
  return { cert, key, minVersion: 'TLSv1.2' as const, secureOptions: NOT_WANTED }
}

/** `hash` is the SHA-256 of the public key (SPKI, DER); `expiresAt` what the certificate says of itself. */
export type ShownKey = { readonly hash: Buffer; readonly expiresAt: Date | null }

/** The key of the client's certificate. That the client holds it was proved in this connection's handshake. */
export function shownKeyOf(socket: Socket): ShownKey | undefined {
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
