// The demonstration: simulated UPSs on real wires, an agent that reads them, an owner and a recipient with shares between them.
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readClaimCodes } from '@ridethrough/agent/claim-codes.ts'
import { type AgentConfig, parseConfig } from '@ridethrough/agent/config.ts'
import { hashPassword } from '@ridethrough/api/password.ts'
import { recordAccessChange } from '@ridethrough/db/access.ts'
import { findAccountByAddress, insertPendingAccount, lockAddress, proveAddress } from '@ridethrough/db/query/account.ts'
import { countDevicesOfOthers } from '@ridethrough/db/query/installation.ts'
import { acceptShare } from '@ridethrough/db/query/share.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { SessionAnswer } from '@ridethrough/protocol/http/account.ts'
import { DevicePage } from '@ridethrough/protocol/http/device.ts'
import { ShareChangeAnswer, SharePage } from '@ridethrough/protocol/http/share.ts'
import { BUILT_IN_ROLES } from '@ridethrough/protocol/privilege.ts'
import { z } from 'zod'
import { agentYaml, SimulatedUnit } from './agent-config.ts'
import { Child, type ChildOptions } from './children.ts'

const Account = z.object({ email: z.string(), password: z.string(), role: z.enum(['owner', 'recipient']) })
type Account = z.infer<typeof Account>

/** `demo.json`: what somebody who tries it out, or a program, needs to know. */
const DemoFile = z.object({
  http: z.string(),
  mqtt: z.string(),
  simulator: z.string(),
  agentId: z.string(),
  accounts: z.array(Account),
})

const SimulatorReady = z.object({ http: z.string(), units: z.array(SimulatedUnit) })

export type DemoOptions = {
  readonly db: Db
  readonly addresses: { readonly http: string; readonly mqtt: string }
  readonly dataDir: string
  readonly common: Pick<ChildOptions, 'logFolder' | 'say'>
}

export type Demo = { readonly lines: readonly string[]; stop(): Promise<void> }

/** `undefined` when the installation holds a real device: then nothing simulated runs beside it. */
export async function startDemo({ db, addresses, dataDir, common }: DemoOptions): Promise<Demo | undefined> {
  const file = join(dataDir, 'demo.json')
  const before = await readDemoFile(file)
  if ((await countDevicesOfOthers(db, before?.agentId)) > 0) return undefined

  const folder = join(dataDir, 'demo')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const simulator = await Child.start(
    'simulator',
    { ...common, args: ['sim'], env: { SIMULATOR_PORT: '0' } },
    (ready) => ({
      SIMULATOR_PORT: new URL(String(ready.http)).port,
      // The agent goes on reading the same ports after the simulator fell over.
      SIMULATOR_SNMP_PORTS: SimulatorReady.parse(ready)
        .units.map(({ address }) => address.split(':').at(-1))
        .join(','),
    }),
  )
  const { http: simulatorUrl, units } = SimulatorReady.parse(simulator.ready)
  const configPath = join(folder, 'agent.yaml')
  const yaml = agentYaml({ mqttUrl: addresses.mqtt, stateDir: join(folder, 'agent'), interval: 2, units })
  await writeFile(configPath, yaml, { mode: 0o600 })
  const { config } = parseConfig(yaml, folder)
  if (!config) throw new Error('the configuration of the demonstration is not right')
  const agent = await Child.start('agent', { ...common, args: ['agent', '--config', configPath], env: {} })

  const accounts = before?.accounts ?? [newAccount('owner'), newAccount('recipient')]
  const demo = { ...addresses, simulator: simulatorUrl, agentId: String(agent.ready.agentId), accounts }
  // Written before it is used: a start that is cut short goes on with the same passwords.
  await writeFile(file, `${JSON.stringify(demo, null, 2)}\n`, { mode: 0o600 })
  await chmod(file, 0o600)
  await seed(db, addresses.http, accounts, config)
  return {
    lines: [
      `Demo     ${units.length} simulated UPSs; pull a plug: curl -X POST -H 'content-type: application/json' -d '{"mains":false}' '${simulatorUrl}/ups/${encodeURIComponent(units[0]?.name ?? '')}'`,
      ...accounts.map(({ role, email, password }) => `${role.padEnd(11)}${email}  password: ${password}`),
    ],
    stop: async () => {
      await agent.child.stop()
      await simulator.child.stop()
    },
  }
}

async function readDemoFile(path: string): Promise<z.infer<typeof DemoFile> | undefined> {
  try {
    return DemoFile.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${path} cannot be read; remove it to make a new demonstration`, { cause: error })
  }
}

function newAccount(role: Account['role']): Account {
  // .example never leaves this machine (RFC 2606).
  return { email: `${role}@demo.example`, password: randomBytes(12).toString('base64url'), role }
}

/** Each step looks first whether it was done, so that a start that was cut short is finished by the next. */
async function seed(db: Db, http: string, accounts: readonly Account[], agent: AgentConfig): Promise<void> {
  for (const account of accounts) await makeAccount(db, account)
  const [owner, recipient] = accounts
  if (!owner || !recipient) return
  const asOwner = await signIn(http, owner)
  const asRecipient = await signIn(http, recipient)
  const devices = await claimAll(asOwner, agent)
  const granted = await asOwner('GET', '/shares?direction=granted&state=all', SharePage)
  const [first, second, third] = devices
  if (granted.items.length > 0 || !first || !second || !third) return
  const { share } = await asOwner('POST', '/shares', ShareChangeAnswer, {
    email: recipient.email,
    deviceIds: [first, second],
    role: 'operator',
  })
  await accept(db, share.id, asRecipient.accountId)
  await asOwner('POST', '/shares', ShareChangeAnswer, { email: recipient.email, deviceIds: [third], role: 'viewer' })
}

async function makeAccount(db: Db, { email, password, role }: Account): Promise<void> {
  if (await findAccountByAddress(db, email)) return
  const passwordHash = await hashPassword(password)
  await db.transaction().execute(async (tx) => {
    await lockAddress(tx, email)
    const name = role === 'owner' ? 'Olivia Owner' : 'Rafael Recipient'
    const account = await insertPendingAccount(
      tx,
      { email, folded: email, name, passwordHash, memberPrivileges: BUILT_IN_ROLES.operator },
      new Date(),
    )
    if (account) await proveAddress(tx, account.id, email, new Date())
  })
}

/** The invitation is accepted here rather than with its code, which only the mail holds. */
async function accept(db: Db, shareId: string, accountId: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await acceptShare(tx, shareId, accountId, new Date())
    await recordAccessChange(tx, { accounts: [accountId], what: 'share accepted' })
  })
}

type Caller = {
  <T extends z.ZodType>(method: string, path: string, answer: T, body?: unknown): Promise<z.infer<T>>
  readonly accountId: string
}

async function signIn(http: string, { email, password }: Account): Promise<Caller> {
  const session = SessionAnswer.parse(await call(http, undefined, 'POST', '/sessions', { email, password }))
  const caller = async <T extends z.ZodType>(method: string, path: string, answer: T, body?: unknown) =>
    answer.parse(await call(http, session.token, method, path, body))
  return Object.assign(caller, { accountId: session.account.id })
}

async function call(
  http: string,
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const answer = await fetch(`${http}/api/v1${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: body === undefined ? null : JSON.stringify(body),
  })
  if (!answer.ok)
    throw new Error(
      `the demonstration could not be set up: ${method} ${path} was answered ${answer.status}: ${await answer.text()}`,
    )
  return answer.json()
}

const CLAIM_PATIENCE_MS = 60_000
const CLAIM_LOOK_MS = 300

/** Claims what the agent shows codes for, as a person would: ids of the owner's devices, in the order of their names. */
async function claimAll(asOwner: Caller, agent: AgentConfig): Promise<string[]> {
  const tried = new Map<string, Error>()
  const until = Date.now() + CLAIM_PATIENCE_MS
  for (;;) {
    const { items } = await asOwner('GET', '/devices?scope=mine', DevicePage)
    if (items.length >= agent.devices.length)
      return items.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((device) => device.id)
    if (Date.now() > until) {
      throw new Error('the simulated UPSs could not be claimed in time', { cause: [...tried.values()].at(-1) })
    }
    const have = new Set(items.map((device) => device.name))
    // A code counts once its hash has arrived with the agent's inventory; until then the API does not know it.
    for (const { name, code } of readClaimCodes(agent, Date.now())) {
      if (code === null || have.has(name)) continue
      await asOwner('POST', '/devices/claim', z.unknown(), { code }).catch((error: Error) => tried.set(name, error))
    }
    await new Promise((resolve) => setTimeout(resolve, CLAIM_LOOK_MS))
  }
}
