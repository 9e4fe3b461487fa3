// People and links by what they may do on a device, each with the way that gives it or the reason that keeps it away.
import { List, Text, Title } from '@mantine/core'
import { PRIVILEGE_TEXT, PRIVILEGES, type Privilege } from '@ridethrough/protocol/privilege.ts'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { type AccessView, waysIn } from '../data/access.ts'
import { useNow } from '../data/now.ts'
import { paths } from '../paths.ts'
import { sayTime } from '../text/format.ts'
import { presetOf } from '../text/sentence.ts'
import styles from './device-access-table.module.css'
import { TextLink } from './link.tsx'

type Answers = AccessView['people'][number]['privileges']

export function AccessTable({ access, isPast }: { readonly access: AccessView; readonly isPast: boolean }) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  return (
    <>
      {access.people.length === 0 ? (
        <Text>
          {t('access.nobody')} {isPast && t('access.before', { time: sayTime(Date.parse(access.since), now) })}
        </Text>
      ) : (
        <Table label={t('access.people')} head={t('access.person')}>
          {access.people.map(({ account, privileges }) => (
            <AccessRow key={account.id} name={account.name} detail={account.email} answers={privileges} />
          ))}
        </Table>
      )}
      {access.links.length > 0 && (
        <div>
          <Title order={3} mb={4}>
            {t('access.links')}
          </Title>
          <Table label={t('access.links')} head={t('access.link')}>
            {access.links.map(({ id, name, privileges }) => (
              <AccessRow key={id} name={name} answers={privileges} />
            ))}
          </Table>
        </div>
      )}
    </>
  )
}

type TableProps = { readonly label: string; readonly head: string; readonly children: ReactNode }

function Table({ label, head, children }: TableProps) {
  const { t } = useTranslation()
  return (
    <table className={styles.table} aria-label={label}>
      <thead>
        <tr>
          <th scope="col">{head}</th>
          <th scope="col">{t('access.may')}</th>
          <th scope="col">{t('access.because')}</th>
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}

type RowProps = { readonly name: string; readonly detail?: string; readonly answers: Answers }

function AccessRow({ name, detail, answers }: RowProps) {
  const { t } = useTranslation()
  const { ways, why } = waysIn(answers)
  return (
    <tr>
      <th scope="row">
        {name}
        {detail !== undefined && (
          <Text span display="block" size="sm" c="dimmed">
            {detail}
          </Text>
        )}
      </th>
      <td data-label={t('access.may')}>
        {ways.length === 0 ? (
          <Text c="dimmed">{t('access.not')}</Text>
        ) : (
          ways.map(({ via, privileges }) => <Allowed key={via} privileges={privileges} />)
        )}
      </td>
      <td data-label={t('access.because')}>
        {why !== null ? t(`access.why.${why}`) : ways.map(({ via }) => <Reason key={via} via={via} />)}
      </td>
    </tr>
  )
}

function Allowed({ privileges }: { readonly privileges: readonly Privilege[] }) {
  const { t } = useTranslation()
  return (
    <details>
      <summary>{privileges.length === PRIVILEGES.length ? t('access.all') : t(`role.${presetOf(privileges)}`)}</summary>
      <List size="sm" c="dimmed" withPadding>
        {privileges.map((privilege) => (
          <List.Item key={privilege}>{PRIVILEGE_TEXT[privilege]}</List.Item>
        ))}
      </List>
    </details>
  )
}

/** `share:{id}` and the like lead to what gives it. */
function Reason({ via }: { readonly via: string }) {
  const { t } = useTranslation()
  const [kind = '', id = ''] = via.split(':', 2)
  const text = kind in VIA ? t(`access.via.${kind as keyof typeof VIA}`) : via
  if (kind === 'share')
    return (
      <div>
        <TextLink to={paths.share} params={{ id }}>
          {text}
        </TextLink>
      </div>
    )
  if (kind === 'link')
    return (
      <div>
        <TextLink to={paths.shareLink} params={{ id }}>
          {text}
        </TextLink>
      </div>
    )
  if (kind === 'guest')
    return (
      <div>
        <TextLink to={paths.guest} params={{ id }}>
          {text}
        </TextLink>
      </div>
    )
  return <div>{text}</div>
}

const VIA = { owner: true, member: true, share: true, guest: true, link: true } as const
