// What the link of a mail carried behind the `#`, read once.
import { useEffect, useState } from 'react'
import { readFragment } from '../data/fragment.ts'

/** The address bar does not keep it: a code there ends up in histories and screenshots. */
export function useFragment(): URLSearchParams {
  const [given] = useState(() => readFragment(window.location.hash))
  useEffect(() => {
    if (window.location.hash !== '') window.history.replaceState(window.history.state, '', window.location.pathname)
  }, [])
  return given
}
