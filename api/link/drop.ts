// A device that is given up drops out of every link; a link without devices is over.
import { type Link, lockLinksOfDevice } from '@ridethrough/db/query/link.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import type { Actor } from '../event.ts'
import { endNow } from './change.ts'
import { recordLink } from './event.ts'

/** Before the device is deleted: its links, locked. */
export const linksToDropFrom = lockLinksOfDevice

/** After the device and its places in the links are gone; what ended by it, for the change of access. */
export async function dropFromLinks(
  tx: Db,
  actor: Actor,
  links: readonly Link[],
  deviceId: string,
): Promise<{ readonly links: string[]; readonly credentials: string[] }> {
  const gone = { links: [] as string[], credentials: [] as string[] }
  for (const link of links) {
    const devices = link.devices.filter(({ id }) => id === deviceId)
    const about = { ...link, devices }
    gone.links.push(link.id)
    if (link.devices.length > devices.length) await recordLink(tx, actor, 'link.changed', about, BECAUSE)
    else gone.credentials.push(...(await endNow(tx, actor, about, BECAUSE)).credentials)
  }
  return gone
}

const BECAUSE = { because: 'device.deleted' }
