// How many notices are unread: on every page in sight, live.
import { ActionIcon, Tooltip } from '@mantine/core'
import { IconBell } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { createLink } from '@tanstack/react-router'
import type { AnchorHTMLAttributes, Ref } from 'react'
import { useTranslation } from 'react-i18next'
import { unreadQuery } from '../data/notice.ts'
import { paths } from '../paths.ts'
import styles from './notice-bell.module.css'

export function NoticeBell() {
  const { t } = useTranslation()
  const unread = useQuery(unreadQuery).data ?? 0
  const label = t('notices.bell', { count: unread })
  return (
    // Within the frame, so that what it says belongs to a landmark.
    <Tooltip label={label} withinPortal={false}>
      <BellLink to={paths.notices} aria-label={label} unread={unread} />
    </Tooltip>
  )
}

type BellProps = AnchorHTMLAttributes<HTMLAnchorElement> & {
  readonly unread: number
  readonly ref?: Ref<HTMLAnchorElement>
}

const BellLink = createLink(({ unread, ...rest }: BellProps) => (
  <ActionIcon component="a" variant="subtle" color="gray" size="lg" className={styles.bell} {...rest}>
    <IconBell size={18} aria-hidden />
    {unread > 0 && (
      <span className={styles.count} aria-hidden>
        {unread > MOST ? `${MOST}+` : unread}
      </span>
    )}
  </ActionIcon>
))

const MOST = 99
