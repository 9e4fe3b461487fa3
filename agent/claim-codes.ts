// Claim codes: what an owner types to register a device. Made here, shown here; the cloud only ever gets their hash.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { formatCode, normaliseCode } from '@ridethrough/protocol/code.ts'
import type { AgentConfig } from './config.ts'
import { readIdentity } from './identity.ts'
import type { StoredClaim } from './journal.ts'

export const CLAIM_LIFE_MS = 15 * 60_000

/** 128 bits, so that guessing is no attack; five tries at the cloud and fifteen minutes make it none twice. */
export function makeClaim(now: number): StoredClaim {
  return { code: formatCode(randomBytes(16), 5), expiresAt: now + CLAIM_LIFE_MS }
}

export function hashCode(code: string): string {
  return createHash('sha256').update(normaliseCode(code)).digest('hex')
}

export type ClaimRow = { readonly name: string; readonly code: string | null; readonly expiresAt: number | null }

/** The codes in a state folder, read beside a running agent without disturbing it; `null` where a device has none that still holds. */
export function readClaimCodes(config: AgentConfig, now: number): ClaimRow[] {
  const identity = readIdentity(config.stateDir)
  const path = join(config.stateDir, 'journal.db')
  const codes = identity && existsSync(path) ? readClaims(path) : new Map<string, StoredClaim>()
  return config.devices.map(({ name }) => {
    const deviceId = identity?.devices.find((device) => device.name === name)?.deviceId
    const claim = deviceId === undefined ? undefined : codes.get(deviceId)
    const isValid = claim !== undefined && claim.expiresAt > now
    return { name, code: isValid ? claim.code : null, expiresAt: isValid ? claim.expiresAt : null }
  })
}

/** A table for people: name, code, until when. */
export function formatClaimCodes(rows: readonly ClaimRow[]): string {
  const cells = rows.map(({ name, code, expiresAt }) => [
    name,
    code ?? 'none: the device is registered, or the agent is not running',
    expiresAt === null ? '' : `valid until ${new Date(expiresAt).toISOString()}`,
  ])
  const widths = [0, 1].map((column) => Math.max(0, ...cells.map((row) => row[column]?.length ?? 0)))
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function readClaims(path: string): Map<string, StoredClaim> {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const rows = db.prepare('select device_id, code, expires_at from claim').all()
    return new Map(
      rows.map((row) => [String(row.device_id), { code: String(row.code), expiresAt: Number(row.expires_at) }]),
    )
  } finally {
    db.close()
  }
}
