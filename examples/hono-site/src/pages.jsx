import { raw } from 'hono/html'
import { homeHtml } from './content.js'

function Layout({ title, path, children }) {
  const here = (href) => (href === path ? 'page' : undefined)
  return (
    <>
      {raw('<!doctype html>')}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>{title} – Example Harbour</title>
          <link rel="stylesheet" href="/static/site.css" />
          <script type="module" src="/static/app.js"></script>
        </head>
        <body>
          <header>
            <nav aria-label="Main">
              <a href="/" aria-current={here('/')}>Home</a>
              <a href="/login" aria-current={here('/login')}>Sign in</a>
            </nav>
          </header>
          <main>{children}</main>
        </body>
      </html>
    </>
  )
}

export const HomePage = () => (
  <Layout title="Berths and tides" path="/">
    {raw(homeHtml)}
    <p class="note" data-health hidden></p>
  </Layout>
)

export const LoginPage = ({ email, errors = {} }) => (
  <Layout title="Sign in" path="/login">
    <h1>Sign in to your berth</h1>
    {errors.form && <p class="error" role="alert">{errors.form}</p>}
    <form method="post" action="/login" data-login>
      <Field name="email" type="email" label="E-mail address" autocomplete="username" value={email} error={errors.email} />
      <Field
        name="password"
        type="password"
        label="Password"
        autocomplete="current-password"
        minlength="8"
        error={errors.password}
      />
      <button>Sign in</button>
    </form>
  </Layout>
)

const Field = ({ name, label, error, ...input }) => (
  <div class="field">
    <label for={name}>{label}</label>
    <input id={name} name={name} required aria-describedby={`${name}-error`} aria-invalid={error && 'true'} {...input} />
    <p id={`${name}-error`} class="error">{error}</p>
  </div>
)

export const NotFoundPage = ({ path }) => (
  <Layout title="Not found">
    <h1>No such page</h1>
    <p>
      There is nothing at <code>{path}</code>. <a href="/">Back to the harbour office</a>
    </p>
  </Layout>
)
