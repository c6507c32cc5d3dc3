package generate

// protocols are how a service is reached: the type's name without what scan, population or _vulnerable adds, the transport,
// the usual port, and others that it is found at.
const protocols = `
	http tcp 80 8080 8000 8081 8888
	cwmp tcp 7547 30005 4567
	ssl tcp 443 8443 10443 4443
	ssl_poodle tcp 443 8443
	ssl_freak tcp 443 8443
	snmp udp 161
	ssh tcp 22 2222 22222
	dns udp 53
	rdp tcp 3389 3388 3390
	rdpeudp udp 3389
	ntp udp 123
	ntpmonitor udp 123
	telnet tcp 23 2323
	portmapper udp 111
	http_proxy tcp 3128 8080 8888
	isakmp udp 500 4500
	smb tcp 445
	ftp tcp 21 2121
	mysql tcp 3306 3307
	smtp tcp 25 587 465
	netbios udp 137
	ssdp udp 1900
	mdns udp 5353
	ldap_udp udp 389
	ldap_tcp tcp 389 636
	ws_discovery udp 3702
	vnc tcp 5900 5901
	tftp udp 69
	sip udp 5060
	ubiquiti udp 10001
	imap tcp 143 993
	pop3 tcp 110 995
	mqtt tcp 1883 8883
	mqtt_anon tcp 1883
	mssql udp 1434
	coap udp 5683
	exchange tcp 443
	redis tcp 6379
	postgres tcp 5432
	adb tcp 5555
	ics tcp 502 102 20000 44818
	rsync tcp 873
	nat_pmp udp 5351
	elasticsearch tcp 9200
	ipp tcp 631
	mongodb tcp 27017
	chargen udp 19
	docker tcp 2375 2376
	kubernetes tcp 6443 443 8443
	ipmi udp 623
	afp tcp 548
	memcached tcp 11211
	xdmcp udp 177
	radmin tcp 4899
	msrpc tcp 135
	amqp tcp 5672 5671
	stun udp 3478
	dvr_dhcpdiscover udp 37810
	bgp tcp 179
	ard udp 3283
	socks tcp 1080 1081
	cisco_smart_install tcp 4786
	couchdb tcp 5984
	hadoop tcp 50070 50075
	db2 udp 523
	slp udp 427
	qotd udp 17
	epmd tcp 4369
	activemq tcp 61616
	gtp udp 2152 2123
	netis_router udp 53413
	synfulknock tcp 80
	quic udp 443
	msmq tcp 1801
	ntrip tcp 2101
	ip_tunnel tcp 0
	loop_dos udp 69 123 53
	ddos_middlebox tcp 80
	badsecrets tcp 443 80
	post_exploitation_framework tcp 443 8443 50050
	compromised_iot tcp 22 23 80
	compromised_website tcp 80 443
	device_id tcp 443 80 22 8080 161
	special tcp 443 4443 8443
	malware_url tcp 80 8080
	phish_url tcp 443
	spam_url tcp 80
	sandbox_conn tcp 443 80 25
	sandbox_url tcp 80`

// values are what stands in a column, "column how what" or "type/column how what". How is
//
//	pick  one of the texts, which | separates       num   the same, without quotes
//	int   a number from a to b                      dec   with two decimals
//	hex   n bytes                                   fp    n bytes with colons
//	b64   n bytes                                   yn    Y in that many of a hundred rows, else N
//	date  so many days before the first report, from a to b
//
// A number with % before it says in how many of a hundred rows there is anything. A column that is not here is empty, or
// of the kind that its conversion says.
const values = `
	hostname_source 60% pick ptr|ptr|ptr|ssl
	tlsv13_support 70% yn 45
	tlsv13_cipher 30% pick TLS_AES_256_GCM_SHA384|TLS_AES_128_GCM_SHA256|TLS_CHACHA20_POLY1305_SHA256
	handshake 85% pick TLSv1.2|TLSv1.2|TLSv1.2|TLSv1.3|TLSv1.0
	cipher_suite 85% pick TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384|TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256|TLS_RSA_WITH_AES_128_CBC_SHA
	ssl_poodle yn 3
	scan_ssl_poodle/ssl_poodle yn 100
	freak_vulnerable yn 0
	scan_ssl_freak/freak_vulnerable yn 100
	scan_ssl_freak/freak_cipher_suite pick TLS_RSA_EXPORT_WITH_RC4_40_MD5|TLS_RSA_EXPORT_WITH_DES40_CBC_SHA
	cert_length 85% num 2048|2048|2048|4096|1024|256
	cert_issue_date 85% date 20 900
	cert_expiration_date 85% date -700 200
	sha1_fingerprint 85% fp 20
	sha256_fingerprint 30% fp 32
	md5_fingerprint 15% fp 16
	cert_serial_number 85% HEX 10
	ssl_version 85% num 2
	signature_algorithm 85% pick sha256WithRSAEncryption|sha256WithRSAEncryption|sha1WithRSAEncryption|ecdsa-with-SHA256
	key_algorithm 85% pick rsaEncryption|rsaEncryption|id-ecPublicKey
	subject_country 30% pick XR|XR|XG
	subject_locality_name 20% pick Strelsau|Zenda|Hentzau|Tarlenheim
	issuer_organization_name 45% pick Elphberg Trust Services|Let's Sign|Strelsau "Universal" CA, Ltd.|self
	issuer_country 45% pick XR|XG
	cert_valid 85% yn 55
	self_signed 85% yn 35
	cert_expired 85% yn 18
	browser_trusted 60% yn 50
	browser_error 40% pick x509: unknown error|x509: certificate signed by unknown authority|x509: certificate has expired or is not yet valid
	validation_level 60% pick DV|DV|OV|unknown
	jarm 20% hex 31
	auth_tls_response 40% pick 220 2.0.0 Ready to start TLS|234 AUTH TLS successful|500 Syntax error, command unrecognized.
	auth_ssl_response 20% pick 234 AUTH SSL successful|500 Syntax error, command unrecognized.
	sslv3_supported yn 4
	http pick HTTP/1.1|HTTP/1.1|HTTP/1.0
	http_response_type 80% pick HTTP/1.1|HTTP/1.0
	content_type 80% pick text/html|text/html; charset=UTF-8|text/html;charset=utf-8|application/json
	connection 50% pick close|keep-alive
	http_connection 40% pick close|keep-alive
	www_authenticate 12% pick Basic realm="Router"|Digest realm="IgdAuthentication", nonce="8a1f", qop="auth"|Basic realm="."
	proxy_authenticate 20% pick Basic realm="Proxy"
	via 30% pick 1.1 squid (squid/4.10)|HTTP/1.1 s_proxy_zen1
	set_cookie 12% pick SESSIONID=0; path=/|PHPSESSID=2c17f1; path=/; secure; HttpOnly
	server 75% pick nginx|nginx/1.18.0|Apache/2.4.41 (Ubuntu)|Apache|Microsoft-IIS/10.0|lighttpd/1.4.39|mini_httpd/1.30 26Oct2018|GoAhead-Webs
	server_type 70% pick nginx|Apache|Apache/2.4.41 (Ubuntu)|Microsoft-IIS/10.0|xxxx
	content_length 65% int 80 98000
	transfer_encoding 20% pick chunked
	http_version 50% pick HTTP/1.1
	scan_http_vulnerable/version 60% pick 5.15.3.7408|13.0-84.11|7.2.4
	scan_http_vulnerable/detail 60% pick /.git/config|/remote/login|/solr/admin
	device_sector 40% pick consumer|enterprise|commercial|industrial
	response_size int 48 1400
	amplification dec 1 40
	min_amplification dec 1 12
	dns_version 60% pick 9.11.4-P2-RedHat-9.11.4|dnsmasq-2.80|unbound 1.13.1|Microsoft DNS 10.0.17763|PowerDNS Recursor 4.5
	scan_snmp/version num 2|2|1
	sysname 70% pick router|gw-1|HUAWEI|RouterOS|switch-floor2|AP-lobby
	sysdesc 80% pick Linux router 3.10.14 #1 SMP Thu Jun 4 mips|RouterOS RB750Gr3|Hardware: Intel64 Family 6 - Software: Windows Version 6.3|HP ETHERNET MULTI-ENVIRONMENT,ROM none,JETDIRECT|Cisco IOS Software, C2960 Software
	community pick public|public|private
	uptime 60% int 100 99999999
	mac_address 50% fp 6
	vendor_id 50% int 9 41112
	vendor 40% pick MikroTik|Cisco|Huawei|Zyxel|TP-Link
	serverid_raw pick SSH-2.0-OpenSSH_7.4|SSH-2.0-OpenSSH_8.2p1 Ubuntu-4ubuntu0.11|SSH-2.0-dropbear_2019.78|SSH-2.0-ROSSSH
	serverid_version num 2.0
	serverid_software pick OpenSSH_7.4|OpenSSH_8.2p1|dropbear_2019.78|ROSSSH
	serverid_comment 20% pick Ubuntu-4ubuntu0.11|Debian-10+deb9u7
	available_kex 40% pick curve25519-sha256, diffie-hellman-group14-sha1|diffie-hellman-group1-sha1, diffie-hellman-group14-sha1
	available_ciphers 30% pick aes128-ctr, aes192-ctr, aes256-ctr|aes128-cbc, 3des-cbc
	selected_kex pick curve25519-sha256@libssh.org|diffie-hellman-group14-sha1
	algorithm pick ssh-rsa|ecdsa-sha2-nistp256|ssh-ed25519
	selected_cipher pick aes128-ctr
	selected_mac pick hmac-sha2-256
	server_host_key_sha256 hex 32
	rsa_length 50% num 2048|1024|4096
	userauth_methods pick publickey, password|publickey|publickey, password, keyboard-interactive
	hassh 60% hex 16
	compromised_iot/server_host_key 50% hex 16
	malpubkey_sha256 60% hex 32
	source_type 60% pick ssh|telnet|http
	banner pick 220 FTP Server ready.|220 ProFTPD Server (Debian) [::ffff:0.0.0.0]|220 mail ESMTP "Postfix", hello|login:|220 (vsFTPd 3.0.3)|Welcome, please log in|+OK Dovecot ready.
	rdp_protocol pick RDP|RDP|CredSSP
	smb_major_number num 2|2|3|1
	smb_minor_number num 1|0|1
	smb_revision num 0|2
	smb_version_string pick SMB 2.1|SMB 2.1|SMB 3.1.1|SMB 1.0
	arch 20% pick x86_64
	scan_ntp/version pick 4|4|ntpd 4.2.6p5@1.2349-o
	clock 60% pick 0xe9d1f2aa.b1c9a7ef|0xe0fa65f4.4cfaacb2
	leap num 0|0|3
	peer num 0|3120|58791
	processor 60% pick mips|armv7l|x86_64|unknown
	precision num -10|-18|-20
	refid 80% pick 0.0.0.0|INIT|.GPS.|LOCL
	stratum num 2|3|4|16
	system 60% pick Linux/3.10.14|UNIX|cisco|JUNOS14.1R1.10
	programs pick 100000 2 111/udp; 100000 2 111/tcp;|100000 4 111/udp; 100003 3 2049/udp; 100005 1 33848/udp;
	mountd_port 30% pick 33848/udp|20048/tcp
	initiator_spi hex 8
	responder_spi hex 8
	next_payload num 11
	exchange_type num 5
	flags num 0|1
	scan_isakmp/message_id num 0
	notify_message_type num 14
	mysql_protocol_version num 10
	server_version pick 5.7.37-0ubuntu0.18.04.1|8.0.28|5.5.5-10.3.34-MariaDB|5.6.51-log
	error_code 25% num 1130|1129
	error_message 25% pick Host is not allowed to connect to this MySQL server|Host is blocked because of many connection errors; unblock with 'mysqladmin flush-hosts'
	redis_version pick 3.2.100|5.0.7
	version 60% pick 2.4.6|1.0.1|5.0.7|7.17.0|3.11.2|10.3
	name 50% pick node-1|es01|broker
	cluster_name 50% pick elasticsearch|docker-cluster
	lucene_version pick 8.11.1|7.7.3
	tagline pick You Know, for Search
	gitversion hex 20
	visible_databases 40% pick admin,local,config|READ__ME_TO_RECOVER_YOUR_DATA|test;shops
	features 30% pick access-ready,partitioned,pluggable-storage-engines
	model 60% pick SM-T580|TV BOX X96|NUC
	device 60% pick x96max|gta2xl
	machine_name 60% pick FILESRV|DESKTOP-7Q2K|NAS01|PRINTER
	workgroup 60% pick WORKGROUP|HOSPITAL|OFFICE
	username 30% pick admin|root|guest
	header 50% pick HTTP/1.1 200 OK|RTSP/1.0 200 OK
	systime 40% pick Thu, 01 Jan 1970 00:00:00 GMT
	cache_control 60% pick max-age=1800|max-age=100
	location 60% pick http://192.168.1.1:49152/description.xml|http://192.168.0.1:1900/igd.xml
	search_target 60% pick upnp:rootdevice|urn:schemas-upnp-org:device:InternetGatewayDevice:1
	unique_service_name 60% pick uuid:12342409-1234-1234-5678-ee1234cc5678::upnp:rootdevice
	mdns_name 50% pick printer.local|nas.local
	services 60% pick _http._tcp.local; _ipp._tcp.local;|_workstation._tcp.local;
	response 60% pick OK|200
	sip pick SIP/2.0
	sip_code num 200|401|403|404
	sip_reason pick OK|Unauthorized|Forbidden|Not Found
	ipmi_version pick 2.0|1.5
	public_source 60% pick CAPRICA-EU|caida|SISSDEN|nl-honeynet
	application 45% pick http|ssh|telnet|smb
	event_id 40% hex 8
	http_url 80% pick /|/setup.cgi?next_file=netgear.cfg&cmd=wget|/api/v1/status|/search.php?q="x"
	http_agent 80% pick Mozilla/5.0 (Windows NT 10.0; Win64; x64)|Mozilla/5.0 zgrab/0.x|curl/7.68.0|Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)
	http_request_method pick GET|GET|POST
	http_referer 10% pick http://portal.example/
	url_scheme pick http
	http_referer_port num 80|443
	forwarded_by 3% pick 198.51.100.9
	session_tags 30% pick exploit|scan
	vulnerability_enum 30% pick CVE
	vulnerability_id 30% pick CVE-2021-41773|CVE-2017-17215|CVE-2018-10561
	vulnerability_score 30% dec 6 10
	vulnerability_severity 30% pick HIGH|CRITICAL
	target_vendor 30% pick Apache|Huawei|Dasan
	target_product 30% pick HTTP Server|HG532|GPON home router
	file_sha256 8% hex 32
	pattern 15% pick backup_access|wp-login
	service pick ssh|telnet|rdp|smtp
	start_time 70% now
	end_time 70% now
	client_version 70% pick b'SSH-2.0-Go'|b'SSH-2.0-libssh2_1.9.0'|b'SSH-2.0-PUTTY'
	password 20% pick admin|123456|root
	sensor_id 40% hex 4
	slave_id 30% num 1|255
	function_code 60% num 1|3|43
	count int 1 400
	bytes int 100 100000
	duration int 1 3600
	avg_pps dec 1 900
	max_pps dec 1 9000
	attack 60% pick udp_flood|syn_flood|http_flood
	routedspoof pick received|rewritten
	session int 1000000 1999999
	nat pick True|False
	network 50% net
	source 70% pick openphish.example|Elphberg Watch|Zenda Lists
	reason 80% pick Malicious Host|Spam source|Scanning host
	category 80% pick phishing|spam|webshell|defacement
	detected_since 60% date 1 200
	redirect_target 8% pick http://prize.invalid/
	method 50% pick http|tls
	status 60% pick compromised|infected|unknown
	detail 50% pick fingerprint of an implant|version below the mended one|answers without a password
	first_seen_time 70% date 1 60
	last_seen_time 70% now
	potential_exposure_time 40% int 1 9000
	sha256 60% hex 32
	sha1 40% hex 20
	md5 80% hex 16
	payload_md5 10% hex 16
	sender 60% pick offers@prize.invalid|billing@invoice.invalid
	subject 60% pick You have won, really|Re: "invoice"|Last reminder
	date_published date 0 3
	ransomware pick krakenlock|nightshade|redvault
	entity_name org
	website site
	email mail
	leak_site_url pick http://leaks.invalid/post/
	event4_honeypot_brute_force/infection pick ssh-brute-force|ssh-brute-force|telnet-brute-force|rdp-brute-force
	event4_honeypot_brute_force/application pick ssh|ssh|telnet
	event4_honeypot_darknet/infection pick mirai-like scan|unknown
	source_url 40% pick paste.invalid/7f3a
	beacon_type 70% pick HTTPS|HTTP
	beacon_host 70% pick cdn.update.invalid|static.assets.invalid
	config_sha256 60% hex 32
	user_agent 70% pick Mozilla/5.0
	request pick tracker.invalid|update.invalid
	query 80% pick tracker.invalid|update.invalid
	request_type num 1|28
	bytes_in int 0 90000
	bytes_out int 0 9000
	quote 60% pick "Courage is the best gift." (an old saying)|Well begun is half done.
	bgp_version num 4
	sender_asn 60% num 64500|65540
	hold_time num 90|180
	message_type 60% pick OPEN|NOTIFICATION
	anonymous_access yn 60
	module 60% pick backup|www
	has_password 60% yn 20
	opcode 40% num 3|5
	errorcode 40% num 0|1
	errormessage 40% pick Access violation|File not found
	firmware 60% pick XM.ar7240.v5.6.5|WA.v8.7.1
	essid 50% pick ubnt|office
	kernel_version 60% pick 5.4.0-42-generic|4.15.0
	api_version 60% num 1.40|1.41
	git_commit 60% pick a224086|633a0ea838
	platform 60% pick linux/amd64
	go_version 60% pick go1.13.15|go1.16.15
	domain_controller_functionality 80% num 6|7
	dns_host_name 80% pick DC01.office.example|SRV-AD.hospital.example
	root_domain_naming_context 80% pick DC=office,DC=example
	supported_ldap_version 80% num 2|3
	current_time 70% now
	raw_response 20% b64 24
	encoded_length 40% int 1000 9000
	clusterid 60% pick CID-7f2b1c
	livenodes 60% num 1|3
	afp_versions 60% pick AFP2.2,AFPX03,AFP3.1
	uams 60% pick DHCAST128,DHX2
	supported_protocols 40% pick SMB 2.0, SMB 2.1|quic
	instance_name 60% pick MSSQLSERVER|SQLEXPRESS
	tcp_port 60% int 1433 49999
	ntrip_code num 200`

// tags are what stands in a type's tag column when it is not the protocol.
const tags = `
	scan_http_vulnerable cve-2023-3519;citrix|git-config|cve-2022-40684;fortinet|basic-auth|cve-2024-21762;ssl-vpn
	scan_exchange exchange;cve-2022-41082|exchange;cve-2021-26855|exchange;webshell
	scan6_exchange exchange;cve-2022-41082
	scan_smtp_vulnerable cve-2019-10149;exim|cve-2023-42115;exim
	scan_isakmp isakmp-vulnerable;cve-2016-6415
	scan_rdp rdp|rdp|rdp;cve-2019-0708
	scan_ssl ssl|ssl|ssl,vpn
	scan_ics modbus|s7|dnp3|ethernet/ip
	special cve-2024-3400;panos|cve-2023-46805;ivanti
	compromised_website phishing|webshell|js-inject
	compromised_iot ssh-implant|mikrotik;proxy
	malware_url CVE-2016-10372|mozi|elf
	ransomware_victim leak
	blocklist malicious|spam`

// families are the malware that sinkholes and the like tell of.
const families = `mirai|mirai|mirai|android.badbox|avalanche-andromeda|qakbot|socgholish|necurs|gamarue|ranbyus|sality|tinba|vpnfilter`

// webFamilies are what web sites carry.
const webFamilies = `socgholish|balada|stealrat|fakeupdates|webshell`

// devices are vendor, type, model, version.
const devices = `MikroTik;router;RB750Gr3;6.48.6|MikroTik;router;hAP ac2;7.1|Fortinet;firewall;FortiGate-60E;6.4.8|Zyxel;router;VMG3312;1.00|` +
	`Hikvision;ip-camera;DS-2CD2042;5.4.5|Dahua;dvr;XVR5108;4.000|TP-Link;router;Archer C7;3.15|Synology;nas;DS218;6.2|` +
	`QNAP;nas;TS-231;4.3.6|Cisco;switch;WS-C2960;15.0|Huawei;router;HG8245H;V3R015|HP;printer;LaserJet M402;2409048|` +
	`Ubiquiti;access-point;NanoStation M5;5.6.5|Siemens;plc;S7-1200;4.2|Draytek;router;Vigor2960;1.5.1`
