// Who is this? An agent by its id with a token or a key, a person by a token; answered within a deadline, a bounded number at once.
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Edge, Principal } from '@ridethrough/db/edge.ts'
import { findCredential, touchCredential } from '@ridethrough/db/query/credential.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Logger } from 'pino'
import type { Admission } from './admission.ts'
import { CONNACK } from './connect.ts'
import { AgentGate, type AgentVerdict } from './enrol.ts'
import type { Limits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import type { ShownKey } from './tls.ts'

export type Credentials = {
  readonly username: string | undefined
  readonly password: Buffer | undefined
  /** The key of the client's certificate, where it came by TLS and showed one. */
  readonly key?: ShownKey | undefined
  readonly address: string
  /** Asked when its turn has come: nobody looks up who has left meanwhile. */
  readonly isGone?: () => boolean
}

export type AuthenticateOutcome =
  | 'signed-in'
  | Exclude<AgentVerdict, 'known'>
  | 'not-serving'
  | 'store-unavailable'
  | 'too-many-at-once'
  | 'too-late'

export type Answer =
  | { readonly outcome: 'signed-in'; readonly principal: Principal }
  | { readonly outcome: Exclude<AuthenticateOutcome, 'signed-in'> }

export const CODE_OF: Readonly<Record<Exclude<AuthenticateOutcome, 'signed-in'>, number>> = {
  'credentials-missing': CONNACK.credentials,
  'credentials-wrong': CONNACK.credentials,
  'agent-revoked': CONNACK.notAuthorized,
  'enrolment-limited': CONNACK.notAuthorized,
  'not-serving': CONNACK.unavailable,
  'store-unavailable': CONNACK.unavailable,
  'too-many-at-once': CONNACK.unavailable,
  'too-late': CONNACK.unavailable,
}

export type AuthenticateOptions = {
  readonly db: Db
  readonly edge: Edge
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly limits: Limits
  readonly admission: Admission
}

/** Connections of its own: where sign-ins hang, samples and everything else go on. */
export const SIGN_IN_CONNECTIONS = 8
const DEADLINE_MS = 2000
const AGENT_PREFIX = 'agent:'

export class Authenticator {
  readonly #options: AuthenticateOptions
  readonly #agents: AgentGate

  constructor(options: AuthenticateOptions) {
    this.#options = options
    this.#agents = new AgentGate(options)
  }

  /**
   * Waits for its turn, then never rejects and answers within a deadline. A principal that comes after that is closed
   * again: nobody waits for it.
   */
  async authenticate(credentials: Credentials): Promise<Answer> {
    const { admission } = this.#options
    const kind = credentials.username?.startsWith(AGENT_PREFIX) ? 'agent' : 'person'
    const giveBack = await admission.signIns.turn(kind, credentials.isGone)
    if (!giveBack) return { outcome: 'too-many-at-once' }
    let isLate = false
    // The turn is over when the database has answered, not when the client has been: what hangs takes up a place.
    const asked = this.#ask(credentials)
      .catch((error: unknown): Answer => {
        this.#options.log.warn({ err: error }, 'credentials could not be checked')
        return { outcome: 'store-unavailable' }
      })
      .then((answer) => {
        giveBack()
        if (isLate && answer.outcome === 'signed-in') this.#options.edge.close(answer.principal)
        return answer
      })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Answer>((resolve) => {
      timer = setTimeout(() => {
        isLate = true
        resolve({ outcome: 'too-late' })
      }, DEADLINE_MS)
    })
    const answer = await Promise.race([asked, late])
    clearTimeout(timer)
    return answer
  }

  async #ask({ username, password, key, address }: Credentials): Promise<Answer> {
    if (username?.startsWith(AGENT_PREFIX)) {
      return this.#agent(username.slice(AGENT_PREFIX.length), { password, key, address })
    }
    if (username === undefined || password === undefined) return { outcome: 'credentials-missing' }
    return this.#person(password.toString('latin1'))
  }

  /** By a session or by an API token: the rights follow the credential, and are never more than it says. */
  async #person(token: string): Promise<Answer> {
    const { db, edge, clock } = this.#options
    if (!(await edge.whenServing())) return { outcome: 'not-serving' }
    const now = new Date(clock.now())
    const found = await findCredential(db, token, now)
    // A link is opened in a browser, and shows what it shows there only.
    if (!found || found.kind === 'link') return { outcome: 'credentials-wrong' }
    await touchCredential(db, found, now)
    return this.#open(await edge.open('person', found.accountId, found.credentialId))
  }

  async #agent(name: string, proof: Pick<Credentials, 'password' | 'key' | 'address'>): Promise<Answer> {
    const { password, key, address } = proof
    const verdict = await this.#agents.judge({ name, password, key, address })
    return verdict === 'known' ? this.#open(await this.#options.edge.open('agent', name, name)) : { outcome: verdict }
  }

  #open(principal: Principal | undefined): Answer {
    return principal ? { outcome: 'signed-in', principal } : { outcome: 'credentials-wrong' }
  }
}
