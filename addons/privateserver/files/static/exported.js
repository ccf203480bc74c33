export const picture = "http://privateserver:8080/static/dot.png?exported";
