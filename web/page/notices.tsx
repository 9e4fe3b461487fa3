// What happened to my shares, newest first; each leads to what it is about.
import { Button, Group, SegmentedControl, Stack, Text } from '@mantine/core'
import type { NoticeView } from '@ridethrough/protocol/http/notice.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { sayFault } from '../data/fault.ts'
import { noticePagesQuery, readNotices, takeUnread, unreadQuery } from '../data/notice.ts'
import { useNow } from '../data/now.ts'
import { TextLink } from '../part/link.tsx'
import { More, useListing } from '../part/listing.tsx'
import { Page } from '../part/page.tsx'
import { When } from '../part/when.tsx'
import { paths } from '../paths.ts'
import { sayNotice } from '../text/notice.ts'
import { Alert } from '../ui/alert.tsx'
import { Empty } from '../ui/empty.tsx'
import { Row, Rows } from '../ui/rows.tsx'
import { Section } from '../ui/section.tsx'
import { Status } from '../ui/status.tsx'
import { Loading } from './nothing.tsx'

export function NoticesPage() {
  const { t } = useTranslation()
  const { show = 'all' } = useSearch({ from: '/signed-in/notices' })
  const navigate = useNavigate()
  const unread = useQuery(unreadQuery).data ?? 0
  const reading = useReading()
  return (
    <Page
      title={t('notices.title')}
      actions={
        unread > 0 && (
          <Button variant="default" loading={reading.isPending} onClick={() => reading.mutate(undefined)}>
            {t('notices.readAll')}
          </Button>
        )
      }
    >
      <Stack maw={760}>
        <SegmentedControl
          aria-label={t('notices.show')}
          value={show}
          data={[
            { value: 'all', label: t('notices.all') },
            { value: 'unread', label: t('notices.unread') },
          ]}
          onChange={(value) =>
            void navigate({
              to: paths.notices,
              search: { show: value === 'unread' ? 'unread' : undefined },
              replace: true,
            })
          }
          style={{ alignSelf: 'flex-start' }}
        />
        {reading.error && <Alert kind="fault">{sayFault(reading.error, t)}</Alert>}
        <NoticeList isUnread={show === 'unread'} onRead={(id) => reading.mutate([id])} />
      </Stack>
    </Page>
  )
}

function useReading() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (ids: readonly string[] | undefined) => readNotices(ids),
    onSuccess: (unread) => takeUnread(queries, unread),
  })
}

type NoticeListProps = { readonly isUnread: boolean; readonly onRead: (id: string) => void }

function NoticeList({ isUnread, onRead }: NoticeListProps) {
  const { t } = useTranslation()
  const listing = useListing(noticePagesQuery(isUnread))
  const { items, error } = listing
  if (!items) return error ? <Alert kind="fault">{sayFault(error, t)}</Alert> : <Loading />
  if (items.length === 0)
    return <Empty title={t(isUnread ? 'notices.noneUnread' : 'notices.none')}>{t('notices.noneHow')}</Empty>
  return (
    <Section title={t('notices.list')}>
      <Rows label={t('notices.list')}>
        {items.map((notice) => (
          <NoticeRow key={notice.id} notice={notice} onRead={() => onRead(notice.id)} />
        ))}
      </Rows>
      <More listing={listing}>{t('notices.more')}</More>
    </Section>
  )
}

function NoticeRow({ notice, onRead }: { readonly notice: NoticeView; readonly onRead: () => void }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const text = sayNotice(notice, now, t)
  return (
    <Row
      actions={
        <Group gap="sm">
          <Text size="sm" c="dimmed">
            <When at={notice.at} />
          </Text>
          {!notice.read && (
            <Button variant="default" size="xs" aria-label={t('notices.readLabel', { text })} onClick={onRead}>
              {t('notices.read')}
            </Button>
          )}
        </Group>
      }
    >
      <Stack gap={4} align="flex-start">
        {!notice.read && <Status tone="notice">{t('notices.isNew')}</Status>}
        <NoticeLink notice={notice} onFollow={() => !notice.read && onRead()}>
          {text}
        </NoticeLink>
      </Stack>
    </Row>
  )
}

type NoticeLinkProps = {
  readonly notice: NoticeView
  readonly onFollow: () => void
  readonly children: string
}

/** Whoever goes where it leads has read it. */
function NoticeLink({ notice: { kind, subject }, onFollow, children }: NoticeLinkProps) {
  const { id } = subject
  if (kind === 'share.invited')
    return (
      <TextLink to={paths.invitation} params={{ id }} onClick={onFollow}>
        {children}
      </TextLink>
    )
  if (kind.startsWith('guest.'))
    return (
      <TextLink
        to={kind === 'guest.accepted' || kind === 'guest.declined' ? paths.company : paths.companies}
        onClick={onFollow}
      >
        {children}
      </TextLink>
    )
  return (
    <TextLink to={kind.startsWith('link.') ? paths.shareLink : paths.share} params={{ id }} onClick={onFollow}>
      {children}
    </TextLink>
  )
}
