// The site that docs/writing-checks.md is about: a harbour that lets berths. It keeps its state in memory, for as long as it runs.
const PASSWORD = 'a berth for two boats'
const bookings = new Map()
let number = 0

const page = (title, body, init = {}) =>
  new Response(`<!doctype html><html lang="en"><title>${title} – Harbour</title><h1>${title}</h1>${body}</html>`, {
    ...init,
    headers: { 'content-type': 'text/html; charset=utf-8', ...init.headers },
  })

const FORM = '<form method="post"><label>Name <input name="name"></label><label>Password <input name="password" type="password"></label><button>Sign in</button></form>'

const routes = {
  'GET /': () => page('Berths and tides', '<p>Forty berths, two tides a day.</p><a href="/login">Sign in</a>'),
  'GET /berths': () => page('Berths', '<ul><li>North pier<li>South pier</ul>'),
  'GET /login': () => page('Sign in', FORM),
  'GET /sign-in': () => new Response(null, { status: 301, headers: { location: '/login' } }),
  'GET /language': () => new Response(null, { status: 303, headers: { location: '/', 'set-cookie': 'language=de; Path=/; Max-Age=31536000; SameSite=Lax' } }),
  'GET /version.json': (_, env) => Response.json({ environment: env.ENVIRONMENT }),
  'GET /api/health/status': () => Response.json({ status: 'healthy' }),
  'GET /api/berths': () => Response.json({ berths: [{ pier: 'north', free: 12 }, { pier: 'south', free: 3 }] }),
  'GET /api/me': (request) =>
    request.headers.get('cookie')?.includes('session=') ? Response.json({ name: 'Ada' }) : Response.json({ error: 'not signed in' }, { status: 401 }),
  'POST /login': async (request) => {
    const form = await request.formData()
    if (form.get('password') !== PASSWORD) return page('Sign in', `<p role="alert">Wrong name or password.</p>${FORM}`, { status: 401 })
    return new Response(null, { status: 303, headers: { location: '/', 'set-cookie': `session=${crypto.randomUUID()}; Path=/; HttpOnly` } })
  },
  'POST /api/bookings': async (request) => {
    const booking = { ...(await request.json()), id: `b${++number}` }
    bookings.set(booking.id, booking)
    return Response.json(booking, { status: 201 })
  },
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    const booking = pathname.match(/^\/api\/bookings\/(\w+)$/)?.[1]
    if (booking && request.method === 'DELETE') return new Response(null, { status: bookings.delete(booking) ? 204 : 404 })
    if (booking) return bookings.has(booking) ? Response.json(bookings.get(booking)) : Response.json({ error: 'no such booking' }, { status: 404 })
    const route = routes[`${request.method} ${pathname}`]
    return route ? route(request, env) : page('No such page', '', { status: 404 })
  },
}
