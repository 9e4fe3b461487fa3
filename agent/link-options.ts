// How one connection to the server is made: where, who is here, whom to believe.
import { readFileSync } from 'node:fs'
import type { IClientOptions } from 'mqtt'
import type { Secret } from './secret.ts'

export type ConnectOptions = IClientOptions & { readonly minVersion: 'TLSv1.2' }

export type Visit = {
  readonly url: string
  /** File of the certificates that the server's must lead to; `null`: those that Node brings. */
  readonly ca: string | null
  readonly agentId: string
  readonly secret: Secret
  readonly will: NonNullable<IClientOptions['will']>
}

const KEEPALIVE_S = 20
const CONNECT_TIMEOUT_MS = 10_000

/** The file of `ca` is read for each try; a text says why it cannot be. */
export function connectOptions({ url, ca, agentId, secret, will }: Visit): ConnectOptions | string {
  const { protocol, hostname, port } = new URL(url)
  const isSecure = protocol === 'mqtts:'
  const trusted = ca === null ? undefined : readCertificates(ca)
  if (typeof trusted === 'string') return trusted
  return {
    protocol: isSecure ? 'mqtts' : 'mqtt',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (isSecure ? 8883 : 1883),
    protocolVersion: 4,
    clean: true,
    clientId: `agent-${agentId}`,
    username: `agent:${agentId}`,
    ...(secret.kind === 'token' ? { password: secret.token } : { key: secret.key, cert: secret.certificate }),
    ...(trusted ? { ca: trusted } : {}),
    // Said, so that no environment variable says otherwise.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A new client for each try: the journal, not the library, knows what is still to be sent.
    reconnectPeriod: 0,
    queueQoSZero: false,
    will,
  }
}

function readCertificates(path: string): Buffer | string {
  try {
    return readFileSync(path)
  } catch (error) {
    return `the file ${path} of server.ca cannot be read (${error instanceof Error ? error.message : error})`
  }
}
