// How many have a role, in words.
import type { RoleView } from '@ridethrough/protocol/http/guest.ts'
import type { TFunction } from 'i18next'
import type { z } from 'zod'
import { sayList } from '../text/format.ts'

export type Role = z.infer<typeof RoleView>

/** "2 guests and 1 share"; `undefined` when nobody has it. */
export function sayUsers({ inUse: { guests, shares } }: Role, t: TFunction): string | undefined {
  const said = [
    ...(guests > 0 ? [t('roles.guests', { count: guests })] : []),
    ...(shares > 0 ? [t('roles.shares', { count: shares })] : []),
  ]
  return said.length > 0 ? sayList(said) : undefined
}
