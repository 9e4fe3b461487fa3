// HTTPS: the server's certificate from files, shown anew when they change.
import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer, ServerOptions } from 'node:https'
import type { Clock } from '@ridethrough/db/clock.ts'
import { TlsFiles, type TlsPair, type TlsPaths } from '@ridethrough/db/tls-files.ts'
import type { Logger } from 'pino'
import type { Metrics } from './metrics.ts'

export type ServerTls = {
  readonly options: ServerOptions
  /** From now on this server shows what the files hold. Connections that stand go on as they are. */
  follow(server: HttpServer): void
  stop(): Promise<void>
}

export type ServerTlsParts = { readonly clock: Clock; readonly log: Logger; readonly metrics: Metrics }

const HANDSHAKE_MS = 10_000

/** @throws an Error that names the file at fault. */
export async function openTls(paths: TlsPaths, { clock, log, metrics }: ServerTlsParts): Promise<ServerTls> {
  let server: HttpsServer | undefined
  const note = ({ expiresAt }: TlsPair) => metrics.certificateExpiry.set(expiresAt.getTime() / 1000)
  const onChange = (pair: TlsPair) => {
    server?.setSecureContext(contextOf(pair))
    note(pair)
  }
  const files = await TlsFiles.start({ ...paths, clock, log, onChange })
  note(files.pair)
  return {
    options: { ...contextOf(files.pair), handshakeTimeout: HANDSHAKE_MS },
    follow: (made) => {
      server = made as HttpsServer
      // whatever has changed since the options were taken
      server.setSecureContext(contextOf(files.pair))
    },
    stop: () => files.stop(),
  }
}

function contextOf({ cert, key }: TlsPair) {
  return { cert, key, minVersion: 'TLSv1.2' as const }
}
