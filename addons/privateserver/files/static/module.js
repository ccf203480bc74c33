export { picture } from "http://privateserver:8080/static/exported.js";
