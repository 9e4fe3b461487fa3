// Out of the console by one's own wish: signed out, or the account deleted.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { accountQuery, SIGN_OUT_KEY, signOut } from '../data/account.ts'
import { hasCode } from '../data/fault.ts'
import { useLive } from '../data/live.ts'
import { type Ending, paths } from '../paths.ts'

/** `next` is where somebody who signs in again comes back to, perhaps as another account. */
export function useSignOut(next?: string) {
  const { link } = useLive()
  const forget = useForget()
  return useMutation({
    mutationKey: SIGN_OUT_KEY,
    mutationFn: () => {
      link.stop()
      return signOut().catch((error: unknown) => {
        // Signed out already, elsewhere: that is what was wanted.
        if (!hasCode(error, 'session-missing')) throw error
      })
    },
    onSuccess: () => forget(undefined, next),
    onError: () => link.start(),
  })
}

/** Nothing of what was seen stays. */
export function useForget(): (why: Ending | undefined, next?: string) => Promise<void> {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { store, link } = useLive()
  return async (why, next) => {
    link.stop()
    queries.setQueryData(accountQuery.queryKey, null)
    await navigate({ to: paths.signIn, search: { why, next } })
    store.clear()
    queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'account' })
  }
}
