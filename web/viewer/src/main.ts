// The application: the worklist at /, the reading page at /study/ID, where ID is that of a scan or of a job. Each is loaded only
// where it is shown.
import "./style.css";

const study = /^\/study\/([0-9a-f]{32})$/.exec(location.pathname);
const page = study ? await import("./reading/reading") : await import("./worklist/worklist");
page.show(document.body, study?.[1] ?? "");
