// Who this agent is, kept apart from the journal so that a broken disk page never costs an owner their registered devices.
import { randomUUID } from 'node:crypto'
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Id } from '@ridethrough/protocol/message/agent.ts'
import { z } from 'zod'
import { makeSecret, Secret, type SecretKind } from './secret.ts'

const Identity = z.strictObject({
  agentId: Id,
  /** What the server knows this agent by. */
  current: Secret,
  /** What takes its place: written here before the server is told its hash, and shown only when the server has it. */
  next: z.object({ secret: Secret, isAnnounced: z.boolean() }).optional(),
  /** Every device that was ever configured, so that one taken out and put back is the same again. */
  devices: z.array(z.strictObject({ name: z.string(), deviceId: Id })),
})
export type Identity = Readonly<z.infer<typeof Identity>>

/** How a new identity is made: by what the agent shall be known, and for how long at most. */
export type IdentityPlan = { readonly kind: SecretKind; readonly lifeMs: number; readonly now: number }

/** The identity in `stateDir`, made at the first start, with a device id for each of the names. */
export function loadIdentity(stateDir: string, names: readonly string[], plan: IdentityPlan): Identity {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const found = readIdentity(stateDir)
  const identity = found ?? makeIdentity(plan)
  const missing = names.filter((name) => !identity.devices.some((device) => device.name === name))
  if (found && missing.length === 0) {
    chmodSync(pathIn(stateDir), 0o600)
    return found
  }
  const devices = [...identity.devices, ...missing.map((name) => ({ name, deviceId: randomUUID() }))]
  const complete = { ...identity, devices }
  saveIdentity(stateDir, complete)
  return complete
}

/** On disk when this returns; the file before is whole until then. */
export function saveIdentity(stateDir: string, identity: Identity): void {
  writeAtomically(pathIn(stateDir), `${JSON.stringify(identity, null, 2)}\n`)
}

/** @throws when the file is there but is not an identity: a new one would orphan every registered device, so a person decides. */
export function readIdentity(stateDir: string): Identity | undefined {
  const path = pathIn(stateDir)
  const text = readIfThere(path)
  if (text === undefined) return undefined
  const parsed = Identity.safeParse(upgrade(parseJson(text)))
  if (parsed.success) return parsed.data
  throw new Error(
    `${path} is damaged: put a copy of it back; or move it away, and then register every device of this agent again`,
  )
}

/** Holds the state folder for this process; the kernel lets go of it however the process ends. */
export function lockState(stateDir: string): { release(): void } {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const lock = new DatabaseSync(join(stateDir, 'lock.db'))
  try {
    lock.exec('pragma locking_mode = exclusive; begin exclusive')
  } catch (error) {
    lock.close()
    throw new Error(`another agent already works with ${stateDir}: stop it, or give this one its own stateDir`, {
      cause: error,
    })
  }
  return { release: () => lock.isOpen && lock.close() }
}

function makeIdentity({ kind, lifeMs, now }: IdentityPlan): Identity {
  const agentId = randomUUID()
  return { agentId, current: makeSecret(kind, agentId, now, lifeMs), devices: [] }
}

/** The first form of the file had a token and no dates: it is due to be followed by the next at once. */
function upgrade(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || !('token' in json)) return json
  const { token, ...rest } = json
  return { ...rest, current: { kind: 'token', token, madeAt: 0, expiresAt: 0 } }
}

function pathIn(stateDir: string): string {
  return join(stateDir, 'identity.json')
}

function writeAtomically(path: string, text: string): void {
  const next = `${path}.next`
  const file = openSync(next, 'w', 0o600)
  writeSync(file, text)
  fsyncSync(file)
  closeSync(file)
  renameSync(next, path)
  // The rename itself lasts only when the folder is on disk too.
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
