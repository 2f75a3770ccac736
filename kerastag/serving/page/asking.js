// The form that says who is asked: a server, or an ONNX file in this browser.

import { connect } from "./client.js";
import { byId, plural } from "./dom.js";
import { Problem } from "./failures.js";
import { openFolder } from "./onnx.js";

const WHERE = "What the model needs of their sound goes to your server and nowhere else.";

/** The form. `facts`: what the export wrote beside the page. `wanted()` is called when a person wants the model asked. */
export class Asking {
  constructor(facts, wanted) {
    Object.assign(this, { facts, folder: null, opened: null });
    byId("server").value ||= facts.server; // somebody may have been faster than the facts
    byId("model").value ||= facts.name;
    byId("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      wanted();
    });
    byId("folder").addEventListener("change", () => this.choose([...byId("folder").files]));
    byId("choose-folder").addEventListener("click", () => byId("folder").click());
    for (const id of ["by-server", "by-onnx"]) byId(id).addEventListener("change", () => this.show());
    this.show();
  }

  get isOnnx() {
    return byId("by-onnx").checked;
  }

  show() {
    byId("server-part").hidden = this.isOnnx;
    byId("onnx-part").hidden = !this.isOnnx;
    byId("server-help").hidden = this.isOnnx;
    byId("connect").textContent = this.isOnnx ? "Load" : "Connect";
    byId("where").textContent = this.isOnnx ? "Nothing is sent anywhere." : WHERE;
    this.say("Not asked yet.", false);
  }

  choose(files) {
    if (!files.length) return;
    Object.assign(this, { folder: files, opened: null });
    byId("folder-name").textContent = files[0].webkitRelativePath.split("/")[0] || plural(files.length, "file");
  }

  /** The model that is meant; throws a Problem. */
  async connect(signal) {
    const model = await (this.isOnnx ? this.open(signal) : connect(byId("server").value, byId("model").value, this.facts, signal));
    const which = model.version === null ? model.name : `${model.name}, version ${model.version}`;
    this.say(`${this.isOnnx ? "Loaded" : "Connected"}: ${which}, ${plural(model.tags.length, "tag")}.`, true);
    return model;
  }

  /** Loading takes seconds: a folder is opened once. */
  async open(signal) {
    if (!this.folder) throw new Problem("all", "Choose the folder with the ONNX model first.");
    this.opened ??= await openFolder(this.folder, signal);
    return this.opened;
  }

  failed() {
    this.say(this.isOnnx ? "Not loaded." : "Not connected.", false);
  }

  say(text, isConnected) {
    byId("connection").textContent = text;
    byId("connection").classList.toggle("connected", isConnected);
  }
}
