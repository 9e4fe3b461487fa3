// What follows a sign-in: the account is known, and the page that was wanted opens.
import type { AccountView } from '@ridethrough/protocol/http/account.ts'
import { useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { accountQuery } from '../data/account.ts'
import { localPath } from '../data/fragment.ts'
import { useLive } from '../data/live.ts'
import { pendingInvitation } from '../data/pending.ts'
import { paths } from '../paths.ts'

const INVITATION_PATHS = { devices: paths.invitation, company: paths.teamInvitation } as const

export function useEnter(): (account: AccountView, wanted: string | undefined) => void {
  const queries = useQueryClient()
  const router = useRouter()
  const { store } = useLive()
  return (account, wanted) => {
    // Nothing of another account that was signed in before may stay.
    queries.clear()
    store.clear()
    queries.setQueryData(accountQuery.queryKey, account)
    const path = localPath(wanted)
    const invitation = pendingInvitation(Date.now())
    if (path !== undefined) router.history.push(path)
    else if (invitation) void router.navigate({ to: INVITATION_PATHS[invitation.to], params: { id: invitation.id } })
    else void router.navigate({ to: paths.overview })
  }
}
