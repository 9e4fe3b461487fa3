// What every route of the API is given.
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Edge } from '@ridethrough/db/edge.ts'
import type { Listener } from '@ridethrough/db/listen.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Plan } from '@ridethrough/protocol/plan.ts'
import type { Logger } from 'pino'
import type { LiveHub } from './live/hub.ts'
import type { MailWriter } from './mail/template.ts'
import type { Metrics } from './metrics.ts'
import type { Passwords } from './password.ts'
import type { Reads } from './reads.ts'
import type { Refusals } from './refusals.ts'
import { createThrottle, type Throttle } from './throttle.ts'

export type Settings = {
  /** Without a slash at the end; known once the server listens, at the latest. */
  readonly publicUrl: () => string
  readonly hasMailServer: boolean
  readonly defaultPlan: Plan
  readonly webDist: string | undefined
  readonly trustProxy: readonly string[]
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
  readonly throttles: Throttles
  readonly reads: Reads
  readonly refusals: Refusals
  readonly hub: LiveHub
  readonly metrics: Metrics
}

export type Throttles = ReturnType<typeof createThrottles>

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Each bounds one way of guessing or of making us send mail. */
export function createThrottles() {
  const mail: Throttle = createThrottle({ free: 5, firstWaitMs: MINUTE, longestWaitMs: HOUR, forgetMs: HOUR })
  return {
    /** Wrong passwords for one account from one address. */
    signIn: createThrottle({ free: 5, firstWaitMs: SECOND, longestWaitMs: 15 * MINUTE, forgetMs: HOUR }),
    /** Wrong passwords for one account from anywhere: slower to bite, since it can lock out its owner. */
    signInAnywhere: createThrottle({ free: 50, firstWaitMs: SECOND, longestWaitMs: MINUTE, forgetMs: HOUR }),
    /** Wrong codes for one address. A new code starts anew. */
    addressCode: createThrottle({
      free: 5,
      firstWaitMs: 30 * MINUTE,
      longestWaitMs: 30 * MINUTE,
      forgetMs: 30 * MINUTE,
    }),
    /** Mails to one address that somebody who has not signed in can cause. */
    addressMail: mail,
    claim: createThrottle({ free: 5, firstWaitMs: 15 * MINUTE, longestWaitMs: 15 * MINUTE, forgetMs: 15 * MINUTE }),
    /** Invitations of one account: people outside get mail because of them. */
    invitation: createThrottle({ free: 200, firstWaitMs: MINUTE, longestWaitMs: HOUR, forgetMs: HOUR }),
    resend: createThrottle({ free: 5, firstWaitMs: MINUTE, longestWaitMs: HOUR, forgetMs: HOUR }),
  } satisfies Record<string, Throttle>
}
