// Every driver, in the order in which they are tried: vendors' own tables before the standard one.
import type { SnmpDriver } from './define.ts'
import { powernet } from './powernet.ts'
import { upsMib } from './ups-mib.ts'

export const DRIVERS: readonly SnmpDriver[] = [powernet, upsMib]

export function findDriver(name: string): SnmpDriver | undefined {
  return DRIVERS.find((driver) => driver.name === name)
}

/** Drivers worth probing for a sysObjectID, likeliest first. Many cards answer the standard MIB under any id at all. */
export function candidatesFor(sysObjectId: string | undefined): readonly SnmpDriver[] {
  const isOurs = (driver: SnmpDriver) => driver.sysObjectIds.some((prefix) => isUnder(prefix, sysObjectId ?? ''))
  return [...DRIVERS.filter(isOurs), ...DRIVERS.filter((driver) => !isOurs(driver))]
}

function isUnder(prefix: string, oid: string): boolean {
  return oid === prefix || oid.startsWith(`${prefix}.`)
}
