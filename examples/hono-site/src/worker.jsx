import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { checkHealth } from './health.js'
import { checkLogin } from './login.js'
import { HomePage, LoginPage, NotFoundPage } from './pages.jsx'

const app = new Hono()

app.use(secureHeaders())

app.get('/', (c) => c.html(<HomePage />))

app.get('/login', (c) => c.html(<LoginPage />))

app.post('/login', async (c) => {
  const { email, errors } = checkLogin(await c.req.parseBody())
  if (errors) return c.html(<LoginPage email={email} errors={errors} />, 422)

  // This example keeps no accounts, so every well-formed attempt is a wrong one.
  // One message for both fields: it must not tell which addresses have an account.
  return c.html(<LoginPage email={email} errors={{ form: 'Wrong e-mail address or password.' }} />, 401)
})

app.get('/api/health/status', async (c) => {
  const health = await checkHealth(c.env, c.req.url)
  c.header('Cache-Control', 'no-store')
  return c.json(health, health.status === 'healthy' ? 200 : 503)
})

app.notFound((c) => c.html(<NotFoundPage path={c.req.path} />, 404))

export default app
