// The event log over HTTP.
import { EventPage } from '@ridethrough/protocol/http/event.ts'
import { type Filter, pagesQuery, searchOf } from './paging.ts'
import { API } from './request.ts'

export const eventsQuery = (filter: Filter) => pagesQuery('events', '/events', EventPage, filter)

/** The same rows as a file. */
export function eventsFile(filter: Filter): string {
  return `${API}/events.csv?${searchOf(filter)}`
}
