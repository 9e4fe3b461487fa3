// Time-based codes (RFC 6238), as every authenticator app makes them: SHA-1, 6 digits, 30 seconds.
import { timingSafeEqual } from 'node:crypto'
import { generateSecret, generateSync, generateURI } from 'otplib'
import { toString as drawQr } from 'qrcode'

export const STEP_MS = 30_000
const ISSUER = 'Ridethrough'
/** One step either way: clocks differ, and people type slowly. */
const TOLERANCE = [0, -1, 1] as const

export type Offer = { readonly secret: string; readonly uri: string; readonly svg: string }

/** 160 random bits, as RFC 4226 section 4 recommends. */
export async function offerOf(email: string): Promise<Offer> {
  const secret = generateSecret({ length: 20 })
  const uri = generateURI({ issuer: ISSUER, label: email, secret })
  return { secret, uri, svg: await drawQr(uri, { type: 'svg', margin: 2, errorCorrectionLevel: 'M' }) }
}

/** The time step that this code is of, if it is one of those that count at `now` (milliseconds since 1970). */
export function stepOf(secret: string, code: string, now: number): number | undefined {
  const digits = code.replace(/[\s-]/g, '')
  if (!/^\d{6}$/.test(digits)) return undefined
  const current = Math.floor(now / STEP_MS)
  // All are looked at, whichever fits: the time tells nothing.
  const fitting = TOLERANCE.map((offset) => current + offset).filter((step) => isCode(secret, digits, step))
  return fitting[0]
}

export function codeAt(secret: string, now: number): string {
  return generateSync({ secret, epoch: Math.floor(now / 1000) })
}

function isCode(secret: string, digits: string, step: number): boolean {
  return timingSafeEqual(Buffer.from(codeAt(secret, step * STEP_MS)), Buffer.from(digits))
}
