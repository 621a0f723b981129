//! The command line tells what it takes: help, completion, manual pages, the name under which it is called.

use portcullis::cli::Exit;
use rstest::rstest;

use crate::support::captured::Captured;

fn help(words: &[&str]) -> String {
    let call = Captured::default().run(words);
    assert_eq!((call.exit, call.err.as_str()), (Exit::Yes, ""));
    call.out
}

#[test]
fn the_program_tells_its_commands() {
    let told = help(&["--help"]);
    // It is there with one feature more.
    let webhook = "  webhook     Serve those answers over HTTPS\n";
    assert_eq!(told.contains(webhook), cfg!(feature = "server"));
    insta::assert_snapshot!(told.replace(webhook, ""), @r"
    Can A call B with this request, and why? Answered for an Istio mesh from the YAML alone, as istiod
    and Envoy would

    Usage: portcullis [OPTIONS] <COMMAND>

    Commands:
      ca          Issue, verify and look at certificates with SPIFFE identities
      can-i       Ask whether a caller may send a request
      who-can     Ask who may send a request
      what-can    Ask what a caller may send
      test        Run policy test suites (`*.test.yaml`)
      envoy       Print what istiod makes of policies: the configuration of Envoy
      mutate      Change every policy in every small way, and see which changes the suites do not notice
      lint        Look for policies that do not do what they say, or more than they should
      validate    Tell what the API server or Istio's webhook would refuse or warn about
      admission   Answer what the API server asks before a policy changes
      explain     Tell what a finding means
      config      Print the effective settings, and where each comes from
      schema      Print the JSON Schema of a document that `-o json` prints
      completion  Print the completion script of a shell
      man         Print the manual page, or write all of them to a folder
      help        Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Everywhere:
          --color <WHEN>
              Whether to colour what people read

              Possible values:
              - auto:   At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always: Always
              - never:  Never
              
              [default: auto]

          --config <FILE>
              The settings file, instead of the nearest `.portcullis.yaml` at or above the working
              directory

          --no-config
              Read no settings file and no `PORTCULLIS_*` variables

    Exit codes: 0 yes, or all passed · 1 no, or something failed · 2 could not ask · 3 unknown · 4
    nothing ran.

    Defaults for the flags come from the nearest .portcullis.yaml at or above the working directory and
    from PORTCULLIS_* variables; `portcullis config` prints them.
    ");
}

#[test]
fn can_i_tells_what_it_takes() {
    insta::assert_snapshot!(help(&["can-i", "--help"]), @r"
    Ask whether a caller may send a request

    Usage: portcullis can-i [OPTIONS] FROM [METHOD] URL

    Arguments:
      [FROM [METHOD] URL]...
              FROM is one of
                sleep, sleep.foo, deploy/sleep.foo    a workload of the files
                frontend.shop                         a Service whose workloads share one identity
                sa/sleep.foo                          whoever runs as a service account; also written
                                                      system:serviceaccount:foo:sleep
                cluster.local/ns/foo/sa/sleep         a principal, with or without spiffe://
                203.0.113.9                           an address: a pod's, else outside the mesh
                external                              somebody outside the mesh, without identity
              What carries no namespace is looked for in that of -n.
              With --as, or with --plaintext, FROM is left out here.
              METHOD is GET where it is left out.
              URL is http://host[:port]/path, https://host[:port]/path, tcp://host:port or
              tls://host:port; host is a Service's name in any of its forms (httpbin, httpbin.foo,
              httpbin.foo.svc.cluster.local), a workload, or the address of a pod or a Service.

    Options:
          --as <FROM>
              Who calls, as FROM: the word that kubectl has for it

      -X, --method <METHOD>
              The method, as METHOD: the letter that curl has for it

          --plaintext
              The caller speaks plaintext: it has no sidecar, so no identity

          --requests <FILE>
              Ask many questions: one JSON object a line, as in a suite's `tests` (`-` for standard
              input).
              
              --via, --source-ip, --remote-ip, --xff, --sni and --alpn count for the lines that do not
              say otherwise.

      -h, --help
              Print help (see a summary with '-h')

    The request:
      -H, --header <NAME: VALUE>
              A header line `Name: value`; can be given several times. `Host:` replaces the URL's host

          --host <HOST>
              The Host line, where it is not the URL's host and port; empty: none is sent

          --jwt-claims <CLAIMS>
              A validly signed token with these claims (JSON or YAML), sent as `Authorization: Bearer`

          --token <TOKEN>
              A real token, sent as `Authorization: Bearer` and verified against inline key sets

          --source-ip <IP>
              The address that the connection comes from: what `ipBlocks` match

          --remote-ip <IP>
              The client's address as the proxy finds it: what `remoteIpBlocks` match, whatever headers
              say

          --xff <ADDRESSES>
              An X-Forwarded-For line, as `203.0.113.9, 10.0.0.1`: the proxy works the client's address
              out of it

          --sni <NAME>
              The TLS server name that the caller asks for, where it is neither the host (https, tls)
              nor what its proxy sends

          --alpn <NAMES>
              The protocols that the caller offers in TLS, most wanted first, as `h2,http/1.1`; empty:
              none

          --via <GATEWAY>
              The gateway that the request comes through, `name.namespace[:port]`.
              
              The caller speaks to the gateway, and the gateway to the workload: both are asked, the
              gateway first, and where one says no the answer is no. The URL's host and port name the
              workload's Service, as the gateway's routes would (they are not evaluated); `--host` is
              the name that the caller asks the gateway for. The port is the gateway's Service port: 80,
              or 443 for https, where it is left out.

    The mesh:
      -f, --filename <PATH>
              A file, a folder (with everything below), a pattern, or `-` for standard input; can be
              given several times.
              
              Policies, Namespaces, Services, workloads and the mesh ConfigMap are read from all of them
              together; other kinds are passed over, so a whole `kubectl get … -o yaml` can be handed
              over. May be left out where a settings file says `filename:`.

      -R, --recursive
              Read folders with everything below them. They always are: it is taken because kubectl asks
              for it

      -n, --namespace <NAMESPACE>
              The namespace of names and resources that carry none
              
              [default: default]

          --mesh-config <FILE>
              A MeshConfig: bare, as a ConfigMap, or as IstioOperator or Helm values; `-` for standard
              input.
              
              It is laid over the ConfigMap `istio` that the files may hold. `kubectl -n istio-system
              get configmap istio -o yaml` prints one, and `istioctl`'s IstioOperator file and Helm's
              values hold one below `meshConfig`.

          --trust-domain <TRUST_DOMAIN>
              The mesh's trust domain, over what the files say: the first part of every principal

          --trust-domain-alias <TRUST_DOMAIN>
              An alias of it, which principals in policies stand for as well; can be given several times

          --root-namespace <NAMESPACE>
              The mesh's root namespace, over what the files say: its policies are about every namespace

          --revision <REVISION>
              istiod's revision: policies labelled `istio.io/rev` with another one are passed over
              
              [default: default]

          --istio <VERSION>
              The release of Istio that the proxies are of, as `1.28.4`; the newest where not given.
              
              Older ones match repeated header lines otherwise.

          --provider <NAME=allow|deny|error>
              What an external authorizer (CUSTOM) answers; without it such a request is `unknown`

          --admission-bypassed
              Read policies that the API server or Istio's webhook would refuse as istiod does when the
              webhook is off

    The answer:
      -o, --output <OUTPUT>
              How to print the answer

              Possible values:
              - text: For people
              - json: A versioned document
              - yaml: The same as YAML
              
              [default: text]

      -q, --quiet
              Print nothing: the exit code is the answer

          --explain
              Tell everything that was looked at: every policy, every rule, every value

    Everywhere:
          --color <WHEN>
              Whether to colour what people read

              Possible values:
              - auto:   At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always: Always
              - never:  Never
              
              [default: auto]

          --config <FILE>
              The settings file, instead of the nearest `.portcullis.yaml` at or above the working
              directory

          --no-config
              Read no settings file and no `PORTCULLIS_*` variables

    Examples:
      portcullis can-i sleep.foo GET http://httpbin.foo:8000/headers -f policies/
      portcullis can-i deploy/sleep -n foo -X POST http://httpbin:8000/ -f policies/
      portcullis can-i cluster.local/ns/foo/sa/sleep tcp://mysql.db:3306 -f 'k8s/**/*.yaml'
      portcullis can-i external http://cart.shop:8080/ --via ingress.istio-system --source-ip
      203.0.113.9 -f k8s/
      kubectl get ns,svc,deploy,pod,authorizationpolicy,peerauthentication -A -o yaml | portcullis can-i
      web.shop http://cart.shop/ -f -

    The answer is that of the proxy before the destination (a sidecar or a gateway), and of the gateway
    of --via. What else happens on the way there (routes, DestinationRules, waypoints) is not looked at
    yet.

    Exit codes: 0 yes · 1 no · 2 could not ask · 3 unknown · 4 nothing ran.
    ");
}

#[test]
fn who_can_tells_what_it_takes() {
    insta::assert_snapshot!(help(&["who-can", "--help"]), @r"
    Ask who may send a request.

    Asked are the workloads that the files know, grouped by identity, their service accounts, the
    principals that policies name in full, and callers without identity, in the cluster (`plaintext`)
    and outside (`external`). An exact answer, over all callers that there could be, comes with a later
    release.

    Usage: portcullis who-can [OPTIONS] [METHOD] URL

    Arguments:
      [[METHOD] URL]...
              The method and what is called, as for can-i; the method is GET where it is left out

    Options:
      -X, --method <METHOD>
              The method, as METHOD: the letter that curl has for it

      -h, --help
              Print help (see a summary with '-h')

    The request:
      -H, --header <NAME: VALUE>
              A header line `Name: value`; can be given several times. `Host:` replaces the URL's host

          --host <HOST>
              The Host line, where it is not the URL's host and port; empty: none is sent

          --jwt-claims <CLAIMS>
              A validly signed token with these claims (JSON or YAML), sent as `Authorization: Bearer`

          --token <TOKEN>
              A real token, sent as `Authorization: Bearer` and verified against inline key sets

          --source-ip <IP>
              The address that the connection comes from: what `ipBlocks` match

          --remote-ip <IP>
              The client's address as the proxy finds it: what `remoteIpBlocks` match, whatever headers
              say

          --xff <ADDRESSES>
              An X-Forwarded-For line, as `203.0.113.9, 10.0.0.1`: the proxy works the client's address
              out of it

          --sni <NAME>
              The TLS server name that the caller asks for, where it is neither the host (https, tls)
              nor what its proxy sends

          --alpn <NAMES>
              The protocols that the caller offers in TLS, most wanted first, as `h2,http/1.1`; empty:
              none

    The mesh:
      -f, --filename <PATH>
              A file, a folder (with everything below), a pattern, or `-` for standard input; can be
              given several times.
              
              Policies, Namespaces, Services, workloads and the mesh ConfigMap are read from all of them
              together; other kinds are passed over, so a whole `kubectl get … -o yaml` can be handed
              over. May be left out where a settings file says `filename:`.

      -R, --recursive
              Read folders with everything below them. They always are: it is taken because kubectl asks
              for it

      -n, --namespace <NAMESPACE>
              The namespace of names and resources that carry none
              
              [default: default]

          --mesh-config <FILE>
              A MeshConfig: bare, as a ConfigMap, or as IstioOperator or Helm values; `-` for standard
              input.
              
              It is laid over the ConfigMap `istio` that the files may hold. `kubectl -n istio-system
              get configmap istio -o yaml` prints one, and `istioctl`'s IstioOperator file and Helm's
              values hold one below `meshConfig`.

          --trust-domain <TRUST_DOMAIN>
              The mesh's trust domain, over what the files say: the first part of every principal

          --trust-domain-alias <TRUST_DOMAIN>
              An alias of it, which principals in policies stand for as well; can be given several times

          --root-namespace <NAMESPACE>
              The mesh's root namespace, over what the files say: its policies are about every namespace

          --revision <REVISION>
              istiod's revision: policies labelled `istio.io/rev` with another one are passed over
              
              [default: default]

          --istio <VERSION>
              The release of Istio that the proxies are of, as `1.28.4`; the newest where not given.
              
              Older ones match repeated header lines otherwise.

          --provider <NAME=allow|deny|error>
              What an external authorizer (CUSTOM) answers; without it such a request is `unknown`

          --admission-bypassed
              Read policies that the API server or Istio's webhook would refuse as istiod does when the
              webhook is off

    The answer:
      -o, --output <OUTPUT>
              How to print the answer

              Possible values:
              - text: For people
              - json: A versioned document
              - yaml: The same as YAML
              
              [default: text]

      -q, --quiet
              Print nothing: the exit code is the answer

      -a, --all
              Print the rows of a no as well; without it their number is told

    Everywhere:
          --color <WHEN>
              Whether to colour what people read

              Possible values:
              - auto:   At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always: Always
              - never:  Never
              
              [default: auto]

          --config <FILE>
              The settings file, instead of the nearest `.portcullis.yaml` at or above the working
              directory

          --no-config
              Read no settings file and no `PORTCULLIS_*` variables

    Examples:
      portcullis who-can GET http://httpbin.foo:8000/headers -f policies/
      portcullis who-can tcp://mysql.db:3306 -f k8s/ -o json

    Exit codes: 0 somebody can · 1 nobody · 2 could not ask · 3 nobody for certain, somebody perhaps · 4
    nothing ran.
    ");
}

#[test]
fn what_can_tells_what_it_takes() {
    insta::assert_snapshot!(help(&["what-can", "--help"]), @r"
    Ask what a caller may send.

    Asked are the ports of the Services and workloads that the files know, with the requests that the
    rules about them speak of: their methods, paths, hosts and headers, an example inside each pattern,
    and `GET /`. Tokens are sent only where a flag says one. Exact regions, over all requests that there
    could be, come with a later release.

    Usage: portcullis what-can [OPTIONS] FROM

    Arguments:
      [FROM]
              FROM is one of
                sleep, sleep.foo, deploy/sleep.foo    a workload of the files
                frontend.shop                         a Service whose workloads share one identity
                sa/sleep.foo                          whoever runs as a service account; also written
                                                      system:serviceaccount:foo:sleep
                cluster.local/ns/foo/sa/sleep         a principal, with or without spiffe://
                203.0.113.9                           an address: a pod's, else outside the mesh
                external                              somebody outside the mesh, without identity
              What carries no namespace is looked for in that of -n.

    Options:
          --as <FROM>
              Who calls, as FROM: the word that kubectl has for it

          --plaintext
              The caller speaks plaintext: it has no sidecar, so no identity

      -h, --help
              Print help (see a summary with '-h')

    The request:
      -H, --header <NAME: VALUE>
              A header line `Name: value`; can be given several times. `Host:` replaces the URL's host

          --host <HOST>
              The Host line, where it is not the URL's host and port; empty: none is sent

          --jwt-claims <CLAIMS>
              A validly signed token with these claims (JSON or YAML), sent as `Authorization: Bearer`

          --token <TOKEN>
              A real token, sent as `Authorization: Bearer` and verified against inline key sets

          --source-ip <IP>
              The address that the connection comes from: what `ipBlocks` match

          --remote-ip <IP>
              The client's address as the proxy finds it: what `remoteIpBlocks` match, whatever headers
              say

          --xff <ADDRESSES>
              An X-Forwarded-For line, as `203.0.113.9, 10.0.0.1`: the proxy works the client's address
              out of it

          --sni <NAME>
              The TLS server name that the caller asks for, where it is neither the host (https, tls)
              nor what its proxy sends

          --alpn <NAMES>
              The protocols that the caller offers in TLS, most wanted first, as `h2,http/1.1`; empty:
              none

    The mesh:
      -f, --filename <PATH>
              A file, a folder (with everything below), a pattern, or `-` for standard input; can be
              given several times.
              
              Policies, Namespaces, Services, workloads and the mesh ConfigMap are read from all of them
              together; other kinds are passed over, so a whole `kubectl get … -o yaml` can be handed
              over. May be left out where a settings file says `filename:`.

      -R, --recursive
              Read folders with everything below them. They always are: it is taken because kubectl asks
              for it

      -n, --namespace <NAMESPACE>
              The namespace of names and resources that carry none
              
              [default: default]

          --mesh-config <FILE>
              A MeshConfig: bare, as a ConfigMap, or as IstioOperator or Helm values; `-` for standard
              input.
              
              It is laid over the ConfigMap `istio` that the files may hold. `kubectl -n istio-system
              get configmap istio -o yaml` prints one, and `istioctl`'s IstioOperator file and Helm's
              values hold one below `meshConfig`.

          --trust-domain <TRUST_DOMAIN>
              The mesh's trust domain, over what the files say: the first part of every principal

          --trust-domain-alias <TRUST_DOMAIN>
              An alias of it, which principals in policies stand for as well; can be given several times

          --root-namespace <NAMESPACE>
              The mesh's root namespace, over what the files say: its policies are about every namespace

          --revision <REVISION>
              istiod's revision: policies labelled `istio.io/rev` with another one are passed over
              
              [default: default]

          --istio <VERSION>
              The release of Istio that the proxies are of, as `1.28.4`; the newest where not given.
              
              Older ones match repeated header lines otherwise.

          --provider <NAME=allow|deny|error>
              What an external authorizer (CUSTOM) answers; without it such a request is `unknown`

          --admission-bypassed
              Read policies that the API server or Istio's webhook would refuse as istiod does when the
              webhook is off

    The answer:
      -o, --output <OUTPUT>
              How to print the answer

              Possible values:
              - text: For people
              - json: A versioned document
              - yaml: The same as YAML
              
              [default: text]

      -q, --quiet
              Print nothing: the exit code is the answer

      -a, --all
              Print the rows of a no as well; without it their number is told

    Everywhere:
          --color <WHEN>
              Whether to colour what people read

              Possible values:
              - auto:   At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always: Always
              - never:  Never
              
              [default: auto]

          --config <FILE>
              The settings file, instead of the nearest `.portcullis.yaml` at or above the working
              directory

          --no-config
              Read no settings file and no `PORTCULLIS_*` variables

    Examples:
      portcullis what-can sleep.foo -f policies/
      portcullis what-can external --source-ip 203.0.113.9 --all -f k8s/

    Exit codes: 0 something · 1 nothing · 2 could not ask · 3 nothing for certain, something perhaps · 4
    nothing ran.
    ");
}

#[test]
fn test_tells_what_it_takes() {
    insta::assert_snapshot!(help(&["test", "--help"]), @r"
    Run policy test suites (`*.test.yaml`)

    Usage: portcullis test [OPTIONS] [PATH]...

    Arguments:
      [PATH]...
              Suite files, folders to look for `*.test.yaml` in, or patterns
              
              [default: .]

    Options:
          --init <DIR>
              Write a first suite for the policies of a folder, with the answers as they stand, and run
              nothing.
              
              For every rule one request that it matches and for each of its conditions one just
              outside, marked for review.

      -t, --test <REGEX>
              Run only the cases whose name, or `SUITE › NAME`, the regular expression finds something
              in

          --list
              Name the cases and run none

          --fail-fast
              Stop at the first case that fails; the later ones are counted as not run

      -j, --jobs <N>
              Threads to run on; as many as there are processors where it is left out. The output is the
              same for any number

          --count
              Say how many files, suites and cases ran, suite by suite

          --watch
              Run again whenever a file changes: the suites that it is of

      -o, --output <OUTPUT>
              How to print the outcomes

              Possible values:
              - text:     For people
              - json:     A versioned document
              - yaml:     The same as YAML
              - junit:    JUnit XML
              - tap:      TAP version 14
              - sarif:    SARIF 2.1.0
              - github:   Workflow commands of GitHub
              - markdown: Markdown for a comment on a pull request
              
              [default: text]

          --output-file <FILE>
              Write the outcomes to a file; the closing line is still printed

      -q, --quiet
              Print the closing line only

          --against-envoy[=<ENVOY>]
              Ask a real Envoy about every case, and tell where it does otherwise than is decided.
              
              The Envoy at this path, or the one on PATH, is started with what `envoy bootstrap` prints,
              in a private network namespace in which every address is local: `unshare` and `ip` make
              one. What the cases expect is not looked at.

      -h, --help
              Print help (see a summary with '-h')

    Coverage:
          --coverage
              Say which rules and values decided a case, by matching and by not matching.
              
              A value counts where its other answer would have turned its rule, and a rule where its
              other answer would have turned the verdict.

          --coverage-threshold <PERCENT>
              Fail where fewer than so many percent of the rules decided cases both ways

          --lcov <FILE>
              Write the coverage of the policy files' lines as an LCOV tracefile

          --cobertura <FILE>
              Write it as Cobertura XML

    Everywhere:
          --color <WHEN>
              Whether to colour what people read

              Possible values:
              - auto:   At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always: Always
              - never:  Never
              
              [default: auto]

          --config <FILE>
              The settings file, instead of the nearest `.portcullis.yaml` at or above the working
              directory

          --no-config
              Read no settings file and no `PORTCULLIS_*` variables

    Exit codes: 0 all passed · 1 something failed · 2 a suite could not be read · 4 nothing ran.
    ");
}

#[test]
fn config_tells_what_it_takes() {
    insta::assert_snapshot!(help(&["config", "--help"]), @r"
    Print the effective settings, and where each comes from

    Usage: portcullis config [OPTIONS]

    Options:
      -o, --output <OUTPUT>
              How to print the settings

              Possible values:
              - text: For people
              - json: A versioned document
              - yaml: The same as YAML
              
              [default: text]

      -h, --help
              Print help (see a summary with '-h')

    Everywhere:
          --color <WHEN>
              Whether to colour what people read

              Possible values:
              - auto:   At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always: Always
              - never:  Never
              
              [default: auto]

          --config <FILE>
              The settings file, instead of the nearest `.portcullis.yaml` at or above the working
              directory

          --no-config
              Read no settings file and no `PORTCULLIS_*` variables
    ");
}

#[test]
fn schema_tells_what_it_takes() {
    insta::assert_snapshot!(help(&["schema", "--help"]), @r"
    Print the JSON Schema of a document that `-o json` prints

    Usage: portcullis schema [OPTIONS] <DOCUMENT>

    Arguments:
      <DOCUMENT>
              The document: what can-i, config, what-can and who-can answer, or that nothing could be
              asked

              Possible values:
              - answer:    Of can-i
              - complaint: Of every command that could not ask
              - settings:  Of config
              - suite:     A test suite, as test and mutate read it
              - what-can:  Of what-can
              - who-can:   Of who-can

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Everywhere:
          --color <WHEN>
              Whether to colour what people read

              Possible values:
              - auto:   At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always: Always
              - never:  Never
              
              [default: auto]

          --config <FILE>
              The settings file, instead of the nearest `.portcullis.yaml` at or above the working
              directory

          --no-config
              Read no settings file and no `PORTCULLIS_*` variables
    ");
}

#[test]
fn completion_tells_what_it_takes() {
    insta::assert_snapshot!(help(&["completion", "--help"]), @r#"
    Print the completion script of a shell

    Usage: portcullis completion [OPTIONS] <SHELL>

    Arguments:
      <SHELL>
              The shell

              Possible values:
              - bash:       GNU Bash
              - zsh:        The Z shell
              - fish:       fish
              - powershell: PowerShell

    Options:
      -h, --help
              Print help (see a summary with '-h')

    Everywhere:
          --color <WHEN>
              Whether to colour what people read

              Possible values:
              - auto:   At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always: Always
              - never:  Never
              
              [default: auto]

          --config <FILE>
              The settings file, instead of the nearest `.portcullis.yaml` at or above the working
              directory

          --no-config
              Read no settings file and no `PORTCULLIS_*` variables

    Examples:
      source <(portcullis completion bash)
      portcullis completion zsh > "${fpath[1]}/_portcullis"
      portcullis completion fish > ~/.config/fish/completions/portcullis.fish
      portcullis completion powershell | Out-String | Invoke-Expression
    "#);
}

#[test]
fn man_tells_what_it_takes() {
    insta::assert_snapshot!(help(&["man", "--help"]), @r"
    Print the manual page, or write all of them to a folder

    Usage: portcullis man [OPTIONS]

    Options:
          --out <DIR>
              The folder to write one page for each command to

      -h, --help
              Print help (see a summary with '-h')

    Everywhere:
          --color <WHEN>
              Whether to colour what people read

              Possible values:
              - auto:   At a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always: Always
              - never:  Never
              
              [default: auto]

          --config <FILE>
              The settings file, instead of the nearest `.portcullis.yaml` at or above the working
              directory

          --no-config
              Read no settings file and no `PORTCULLIS_*` variables

    Examples:
      portcullis man | man -l -
      portcullis man --out ~/.local/share/man/man1
    ");
}

#[rstest]
#[case::bash("bash", "complete -F _portcullis")]
#[case::zsh("zsh", "#compdef portcullis")]
#[case::fish("fish", "complete -c portcullis")]
#[case::powershell("powershell", "Register-ArgumentCompleter -Native -CommandName 'portcullis'")]
fn every_shell_gets_a_script_with_every_command(#[case] shell: &str, #[case] mark: &str) {
    let script = help(&["completion", shell]);
    assert!(script.contains(mark), "{script}");
    for word in ["can-i", "config", "--trust-domain", "--via"] {
        assert!(script.contains(word.trim_start_matches('-')), "{shell} knows no {word}");
    }
}

#[test]
fn an_unknown_shell_is_met_with_those_there_are() {
    let call = Captured::default().run(&["completion", "tcsh"]);
    assert_eq!(call.exit, Exit::CouldNotAsk);
    insta::assert_snapshot!(call.err, @r"
    error: invalid value 'tcsh' for '<SHELL>'
      [possible values: bash, zsh, fish, powershell]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    ");
}

#[test]
fn manual_pages_are_written_one_for_each_command() {
    let call = Captured::default().run(&["man", "--out", "share/man1/"]);
    assert_eq!(call.exit, Exit::Yes);
    let mut names: Vec<&str> = call.written.keys().map(String::as_str).collect();
    // It is there with one feature more.
    names.retain(|name| !name.ends_with("-webhook.1"));
    assert_eq!(
        names,
        [
            "share/man1/portcullis-admission.1",
            "share/man1/portcullis-ca.1",
            "share/man1/portcullis-can-i.1",
            "share/man1/portcullis-completion.1",
            "share/man1/portcullis-config.1",
            "share/man1/portcullis-envoy.1",
            "share/man1/portcullis-explain.1",
            "share/man1/portcullis-lint.1",
            "share/man1/portcullis-man.1",
            "share/man1/portcullis-mutate.1",
            "share/man1/portcullis-schema.1",
            "share/man1/portcullis-test.1",
            "share/man1/portcullis-validate.1",
            "share/man1/portcullis-what-can.1",
            "share/man1/portcullis-who-can.1",
            "share/man1/portcullis.1",
        ]
    );
    for (name, page) in &call.written {
        assert!(page.contains(".SH NAME"), "{name}: {page}");
    }
    assert!(call.written["share/man1/portcullis-can-i.1"].contains("trust\\-domain"));
    assert_eq!(help(&["man"]), call.written["share/man1/portcullis.1"]);
}

#[rstest]
#[case::plugin("/usr/local/bin/kubectl-portcullis", "kubectl portcullis")]
#[case::plugin_with_a_dash("kubectl-can_imesh.exe", "kubectl can-imesh")]
#[case::alone("/opt/portcullis", "portcullis")]
#[case::by_another_name("pc", "portcullis")]
#[case::no_plugin("kubectl-", "portcullis")]
fn the_name_of_the_program_is_that_of_the_plugin(#[case] program: &str, #[case] shown: &str) {
    let call = Captured::default().run_as(program, &["can-i", "-h"]);
    assert!(
        call.out
            .contains(&format!("Usage: {shown} can-i [OPTIONS]")),
        "{}",
        call.out
    );
    assert!(
        call.out
            .contains(&format!("  {shown} can-i sleep.foo GET http")),
        "{}",
        call.out
    );
    let call = Captured::default().run_as(program, &["can-i", "-f", "Cargo.toml"]);
    assert!(
        call.err
            .contains(&format!("write `{shown} can-i FROM [METHOD] URL")),
        "{}",
        call.err
    );
}

const ESCAPE: char = '\u{1b}';

#[rstest]
#[case::at_a_terminal(&["--help"], &[], true)]
#[case::no_color(&["--help"], &[("NO_COLOR", "1")], false)]
#[case::an_empty_no_color_says_nothing(&["--help"], &[("NO_COLOR", "")], true)]
#[case::a_dumb_terminal(&["--help"], &[("TERM", "dumb")], false)]
#[case::always(&["--help", "--color", "always"], &[("NO_COLOR", "1")], true)]
#[case::never(&["--color=never", "--help"], &[], false)]
fn help_is_coloured_where_it_is_wanted(
    #[case] words: &[&str],
    #[case] variables: &[(&str, &str)],
    #[case] want: bool,
) {
    let call = Captured::default()
        .at_a_terminal()
        .variables(variables)
        .run(words);
    assert_eq!(call.out.contains(ESCAPE), want, "{}", call.out);
}

#[test]
fn what_goes_to_no_terminal_is_not_coloured() {
    assert!(!help(&["--help"]).contains(ESCAPE));
}
