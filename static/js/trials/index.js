// Trial types, each named as its Python twin in app/trials/. They load when they are first needed.
export default {
  two_afc: () => import("./two_afc.js"),
};
