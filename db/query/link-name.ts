// The private names of links (R22): for those who may share the company's devices, never for whoever opens one.
import type { Db } from '../schema.ts'

export async function listLinkNames(
  db: Db,
  ids: readonly string[],
): Promise<readonly { readonly id: string; readonly name: string }[]> {
  if (ids.length === 0) return []
  return db
    .selectFrom('link')
    .select(['id', 'name'])
    .where('id', 'in', [...ids])
    .orderBy('name')
    .orderBy('id')
    .execute()
}
