import { fail, redirect } from "@sveltejs/kit";

export const actions = {
  default: async ({ request }) => {
    const form = await request.formData();
    if (!form.get("email") || !form.get("password")) return fail(400);
    redirect(303, "/");
  },
};
