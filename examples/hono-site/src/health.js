import { version } from '../package.json'
import { homeHtml } from './content.js'

const ASSETS = ['/static/app.js', '/static/site.css']

/** What this deployment can say about itself. Nothing in it depends on the time or on chance. */
export async function checkHealth(env, url) {
  const checks = {
    content: homeHtml.includes('<h1>'),
    assets: (await Promise.all(ASSETS.map((path) => hasAsset(env, new URL(path, url))))).every(Boolean),
  }
  const status = Object.values(checks).every(Boolean) ? 'healthy' : 'unhealthy'
  return { status, version, checks }
}

async function hasAsset(env, url) {
  try {
    return (await env.ASSETS.fetch(url, { method: 'HEAD' })).ok
  } catch {
    // A health check that throws would hide its other findings.
    return false
  }
}
