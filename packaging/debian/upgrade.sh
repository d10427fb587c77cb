# What preinst and postinst share; dh_installdeb puts it into both.
upgrade=/run/postfix-rest-inetd-upgrade
drop_in=/run/systemd/system/postfix-rest-@.service.d/90-upgrade.conf

# active_sockets: print a line for each: its name, and what the kernel has to know when it is opened.
active_sockets() {
    options=Listen,BindIPv6Only,BindToDevice,Backlog,FreeBind,Transparent,ReusePort,SocketProtocol
    options=$options,KeepAlive,KeepAliveTimeUSec,KeepAliveIntervalUSec,KeepAliveProbes,NoDelay
    options=$options,DeferAcceptUSec,ReceiveBuffer,SendBuffer,Priority,Mark,IPTOS,IPTTL
    options=$options,SocketUser,SocketGroup,SocketMode,DirectoryMode
    systemctl list-units --plain --no-legend --state=active 'postfix-rest-*.socket' |
        while read -r socket _; do
            printf '%s ' "$socket"
            systemctl show --property="$options" -- "$socket" | paste -s -d ' '
        done
}
