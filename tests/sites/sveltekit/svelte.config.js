import adapter from "@sveltejs/adapter-cloudflare";

export default {
  kit: {
    adapter: adapter(),
    // SvelteKit takes the time of the build as its version; a fixed one gives the same files each time.
    version: { name: "1" },
  },
};
