// Groups of the company's devices, over HTTP. Each change answers what it did at the edges (R71).
import {
  DeletionAnswer,
  type GroupChange,
  GroupChangeAnswer,
  GroupList,
  GroupView,
  type NewGroup,
} from '@ridethrough/protocol/http/guest.ts'
import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { request } from './request.ts'

/** What a change of a group makes old: guests whose rights follow from it. */
export const GROUP_KEYS = [['groups'], ['guests'], ['events']] as const

export const groupsQuery = queryOptions({
  queryKey: ['groups'],
  queryFn: async ({ signal }) => (await request('/company/groups', GroupList, { signal })).items,
})

export function makeGroup(group: z.input<typeof NewGroup>): Promise<GroupView> {
  return request('/company/groups', GroupView, { method: 'POST', body: group })
}

export function changeGroup(
  id: string,
  change: z.input<typeof GroupChange>,
): Promise<z.infer<typeof GroupChangeAnswer>> {
  return request(`/company/groups/${id}`, GroupChangeAnswer, { method: 'PATCH', body: change })
}

export function deleteGroup(id: string): Promise<z.infer<typeof DeletionAnswer>> {
  return request(`/company/groups/${id}`, DeletionAnswer, { method: 'DELETE' })
}
