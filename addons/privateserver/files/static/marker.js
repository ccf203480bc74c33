// Says that a script of this page was loaded, and where the next picture lies.
self.markers = [...(self.markers || []), document.currentScript.src];
self.picture = "http://privateserver:8080/static/dot.png?marker";
