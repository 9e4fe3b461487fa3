// Leaving the company for one of one's own.
import type { CompanyView } from '@ridethrough/protocol/http/company.ts'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { accountQuery } from '../data/account.ts'
import { COMPANY_KEYS, leaveCompany } from '../data/company.ts'
import { paths } from '../paths.ts'
import { sayReport } from '../text/sentence.ts'
import { Action } from '../ui/action.tsx'
import { ConfirmChange } from './confirm-change.tsx'
import { useAnnounce } from './notice.tsx'

export function LeaveAction({ company }: { readonly company: CompanyView }) {
  const { t } = useTranslation()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const announce = useAnnounce()
  const [isAsking, setAsking] = useState(false)
  const { active, inactive, devices } = company.counts
  const isAlone = active + inactive <= 1
  return (
    <>
      <Action
        variant="default"
        hindrance={isAlone ? t('team.alone', { company: company.name }) : undefined}
        onPress={() => setAsking(true)}
      >
        {t('team.leave')}
      </Action>
      {isAsking && (
        <ConfirmChange
          title={t('team.leaveTitle', { company: company.name })}
          what={t('team.leaveWhat', { count: devices })}
          submit={t('team.leave')}
          run={leaveCompany}
          refresh={[]}
          onDone={async ({ access }) => {
            setAsking(false)
            await navigate({ to: paths.overview })
            await Promise.all(
              [...COMPANY_KEYS, accountQuery.queryKey, ['devices']].map((queryKey) =>
                queries.resetQueries({ queryKey }),
              ),
            )
            announce(`${t('team.left', { company: company.name })} ${sayReport(access, t)}`)
          }}
          onCancel={() => setAsking(false)}
        />
      )}
    </>
  )
}
