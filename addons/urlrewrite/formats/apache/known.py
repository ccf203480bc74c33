"""The directives of Apache and its common modules; those that do not concern rewriting are ignored.

Apache does not start with a directive that it does not know, so one that is neither here nor of one of the families is
most likely misspelt (Apache HTTP Server 2.4 documentation, "Directive Index").
"""

from __future__ import annotations

_NAMES = frozenset(
    """acceptfilter acceptmutex acceptpathinfo accessfilename action alias aliasmatch allow allowconnect
    allowencodedslashes allowmethods allowoverride allowoverridelist asyncrequestworkerfactor brotlialteretag
    browsermatch browsermatchnocase bufferedlogs buffersize cgidscripttimeout cgimapextension cgipassauth cgivar
    checkbasenamematch checkcaseonly checkspelling chrootdir contentdigest contextdocumentroot coredumpdirectory
    customlog dav defaulticon defaultlanguage defaultruntimedir defaultstatedir defaulttype define deny directoryindex
    directoryindexredirect directoryslash documentroot dtraceprivileges dumpioinput dumpiooutput enableexceptionhook
    enablemmap enablesendfile error errordocument errorlog errorlogformat example extendedstatus fallbackresource
    fileetag flushmaxpipelined flushmaxthreshold forcelanguagepriority forcetype forensiclog globallog
    gracefulshutdowntimeout group h2direct h2push h2upgrade header headername hostnamelookups httpprotocoloptions
    include includeoptional indexheadinsert indexignore indexignorereset indexoptions indexorderdefault indexstylesheet
    inputsed kepthodysize keptbodysize keepalive keepalivetimeout languagepriority listen listenbacklog
    listencoresbucketsratio listenportsockets loadfile loadmodule lockfile logformat loglevel logmessage
    mergeslashes mergetrailers metadir metafiles metasuffix mimemagicfile mmapfile modmimeusepathinfo multiviewsmatch
    mutex namevirtualhost noproxy options order outputsed passenv pidfile privilegesmode protocol protocolecho protocols
    protocolshonororder qualifyredirecturl readbuffersize readmename receivebuffersize redirect redirectmatch
    redirectpermanent redirecttemp redirectrelative reflectorheader regexdefaultoptions registerhttpmethod
    requestheader requesttimeout require rewritelock rewritelog rewriteloglevel satisfy scoreboardfile script
    scriptalias scriptaliasmatch scriptinterpretersource scriptlog scriptlogbuffer scriptloglength scriptsock
    securelisten seerequesttail sendbuffersize serveradmin serveralias serverlimit servername serverpath serverroot
    serversignature servertokens setenv setenvif setenvifexpr setenvifnocase sethandler setinputfilter setoutputfilter
    startservers startthreads strictHostCheck strictshostcheck suexec suexecusergroup substitute
    substituteinheritbefore substitutemaxlinelength threadlimit threadsperchild threadstacksize timeout traceenable
    transferlog typesconfig undefine undefmacro unsetenv use usecanonicalname usecanonicalphysicalport user userdir
    vhostcgimode vhostcgiprivs vhostgroup vhostprivs vhostsecure vhostuser warning win32disableacceptex xbithack
    threads addalt addaltbyencoding addaltbytype addcharset adddefaultcharset adddescription addencoding addhandler
    addicon addiconbyencoding addiconbytype addinputfilter addlanguage addmoduleinfo addoutputfilter
    addoutputfilterbytype addtype""".lower().split()
)
_FAMILIES = tuple(
    """anonymous auth balancer brotli cache charset cookie crypto dav dbd deflate expires ext filter h2 heartbeat
    identitycheck imap isapi ldap limit lua macro max md mellon memcache min modpagespeed ndb nss nwssl oidc pagespeed
    passenger perl php proxy python remoteip remove rlimit sec session shib ssi ssl suphp svn systemd unpolicy uwsgi
    virtual vhost watchdog wsgi xsendfile xml2 fcgid fastcgi geoip evasive dos qos suphp suexec""".split()
)
"""Prefixes that the directives of one module share; some of the modules are not Apache's own."""


def is_known_directive(name: str) -> bool:
    """Tell whether Apache or a common module has a directive of this name, given in lower case."""
    return name in _NAMES or name.startswith(_FAMILIES)


WRITTEN = (
    "RewriteEngine RewriteCond RewriteRule RewriteBase RewriteOptions RewriteMap Redirect RedirectMatch "
    "RedirectPermanent RedirectTemp ServerName ServerAlias DocumentRoot"
).split()
"""The directives that are looked at for one that is misspelt."""

OPTIONS = {
    name.lower(): name
    for name in """Inherit InheritBefore InheritDown InheritDownBefore IgnoreInherit AllowNoSlash AllowAnyURI MergeBase
    IgnoreContextInfo LegacyPrefixDocRoot LongURLOptimization MaxRedirects""".split()
}
"""The options of RewriteOptions by their names in lower case."""

REPLACED_MODULES = frozenset(
    written
    for name in "alias authz_core authz_host headers proxy proxy_http rewrite ssl".split()
    for written in (f"{name}_module", f"mod_{name}.c")
)
"""Modules of which what is done here takes the place, so that what stands there without them does not count."""
