// Every migration, in the order in which they are applied. Merged ones never change.
import type { Migration } from 'kysely/migration'
import * as ground from './2026_11_21_ground.ts'
import * as team from './2026_11_21_team.ts'
import * as sharing from './2026_11_22_sharing.ts'
import * as sharingHistory from './2026_11_22_sharing_history.ts'
import * as time from './2026_11_22_time.ts'

export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '2026_11_21_ground': ground,
  '2026_11_21_team': team,
  '2026_11_22_sharing': sharing,
  '2026_11_22_sharing_history': sharingHistory,
  '2026_11_22_time': time,
}
