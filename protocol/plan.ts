// What a device's plan lets anybody do on it, owner included (R21, R60).
import { ALL_PRIVILEGES, maskOf, type PrivilegeMask } from './privilege.ts'

export const PLANS = ['basic', 'standard', 'advanced'] as const
export type Plan = (typeof PLANS)[number]

// On Basic the device is seen, its licence can be restored by either side, and it stays registered and shared (R21).
const BASIC = maskOf(['monitor', 'licence', 'register', 'report'])
const STANDARD = ALL_PRIVILEGES & ~maskOf(['shed'])

/** The most that a plan allows; a right is always intersected with it. */
export const PLAN_PRIVILEGES: Readonly<Record<Plan, PrivilegeMask>> = {
  basic: BASIC,
  standard: STANDARD,
  advanced: ALL_PRIVILEGES,
}

/** R18: at most so many shares of one device, pending ones included. */
export const MAX_SHARES_PER_DEVICE = 5
