// What every route of the API is given.
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Edge } from '@ridethrough/db/edge.ts'
import type { Listener } from '@ridethrough/db/listen.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Uses } from '@ridethrough/db/uses.ts'
import type { Plan } from '@ridethrough/protocol/plan.ts'
import type { Logger } from 'pino'
import type { LiveHub } from './live/hub.ts'
import type { MailWriter } from './mail/template.ts'
import type { Metrics } from './metrics.ts'
import type { Passwords } from './password.ts'
import type { Reads } from './reads.ts'
import type { Refusals } from './refusals.ts'
import type { SecretBox } from './second-factor/secret-box.ts'
import type { Throttles } from './throttles.ts'

export type Settings = {
  /** Without a slash at the end; known once the server listens, at the latest. */
  readonly publicUrl: () => string
  readonly hasMailServer: boolean
  /** The broker's plain port, for MQTT over WebSocket. */
  readonly mqttUrl: string | undefined
  /** Of these, how many may be connected at a time. */
  readonly mqttSockets: { readonly all: number; readonly perAddress: number }
  readonly defaultPlan: Plan
  readonly webDist: string | undefined
  readonly trustProxy: readonly string[]
  /** How long an invitation lives: into a company, to a share, as a guest (R41). */
  readonly invitationMs: number
  /** That one network address may send. */
  readonly requestsPerMinute: number
  /** `code`: the first account of an installation is made with the code that the server prints. */
  readonly setup: 'code' | 'open'
}

export type ApiContext = {
  readonly db: Db
  readonly listener: Listener
  readonly edge: Edge
  readonly clock: Clock
  readonly log: Logger
  readonly settings: Settings
  readonly passwords: Passwords
  readonly mails: MailWriter
  /** Seals the secrets of authenticators. */
  readonly secrets: SecretBox
  /** Seals the tokens of links. */
  readonly linkSecrets: SecretBox
  readonly throttles: Throttles
  readonly reads: Reads
  readonly refusals: Refusals
  readonly hub: LiveHub
  /** Keeps count of what is made of shares, guest entries and links. */
  readonly uses: Uses
  readonly metrics: Metrics
}
