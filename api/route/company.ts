// The company that the asker is in.
import { CompanyChange, CompanyView } from '@ridethrough/protocol/http/company.ts'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { ApiContext } from '../context.ts'
import { signedIn } from '../event.ts'
import { needsRecent, viewerOf } from '../plugin/auth.ts'
import { changeOwnCompany, ownCompany } from '../team/company.ts'
import { companyView } from '../team/view.ts'

export const companyRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  app.get(
    '/company',
    {
      config: { needs: 'rights' },
      schema: { tags: ['team'], summary: 'The company that you are in', response: { 200: CompanyView } },
    },
    async (request) => companyView(await ownCompany(context, viewerOf(request).accountId)),
  )

  app.patch(
    '/company',
    {
      config: { needs: 'session', recent: 'if-company-asks' },
      schema: {
        tags: ['team'],
        summary: 'Change its name, what members may do on its devices, and how people sign in (owners)',
        description: 'Answered once every server has applied it. How people sign in asks for a recent sign-in.',
        body: CompanyChange,
        response: { 200: CompanyView },
      },
    },
    async (request) => {
      const { requiresSecondFactor, requiresStepUp } = request.body
      if (requiresSecondFactor !== undefined || requiresStepUp !== undefined) needsRecent(request)
      return companyView(await changeOwnCompany(context, signedIn(request), request.body))
    },
  )
}
