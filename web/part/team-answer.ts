// What follows an answer to an invitation into a company.
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { accountQuery } from '../data/account.ts'
import { COMPANY_KEYS } from '../data/company.ts'
import { hostsQuery } from '../data/host.ts'
import { forgetInvitation } from '../data/pending.ts'
import { teamInvitationsQuery } from '../data/team-invitation.ts'
import { paths } from '../paths.ts'
import { useAnnounce } from './notice.tsx'
import type { Received } from './team-offer.tsx'

export type Answered = (answer: 'accepted' | 'declined', said: string, companyId?: string) => Promise<void>

/** Another page comes first: on that of the invitation it would be missing as soon as it is answered. */
export function useAnswered({ id, as }: Pick<Received, 'id' | 'as'>): Answered {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const announce = useAnnounce()
  return async (answer, said, companyId) => {
    forgetInvitation(id, Date.now())
    if (as === 'guest' && answer === 'accepted' && companyId !== undefined) {
      await queries.fetchQuery({ ...hostsQuery, staleTime: 0 }).catch(() => undefined)
      await navigate({ to: paths.host, params: { id: companyId } })
    } else if (as === 'guest') await navigate({ to: paths.companies })
    else await navigate({ to: paths.overview })
    announce(said)
    await Promise.all(
      [...COMPANY_KEYS, accountQuery.queryKey, teamInvitationsQuery.queryKey, hostsQuery.queryKey, ['devices']].map(
        (queryKey) => queries.invalidateQueries({ queryKey }),
      ),
    )
  }
}
