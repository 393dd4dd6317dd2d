using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Hosting;
using NeuralPlugin.Orleans;
using Orleans.Connections.Security;
using StackExchange.Redis;

/// <summary>The lines of Documentation~/cluster.md on deployment and on who may connect.</summary>
internal static class Deployment
{
    public static void Secure(ISiloBuilder silo, X509Certificate2 certificate, X509Certificate2 authority)
    {
        silo.UseTls(certificate, tls =>
        {
            tls.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
            tls.RemoteCertificateValidation = (remote, _, errors) => IsTrusted(remote, errors, authority);
            tls.OnAuthenticateAsClient = (_, ssl) => ssl.TargetHost = "brains.example";     // silos are clients of each other, with the same certificate
        });
    }

    public static void Secure(IClientBuilder client, X509Certificate2 certificate, X509Certificate2 authority)
    {
        client.UseTls(certificate, tls =>
        {
            tls.RemoteCertificateValidation = (remote, _, errors) => IsTrusted(remote, errors, authority);
            tls.OnAuthenticateAsClient = (_, ssl) => ssl.TargetHost = "brains.example";
        });
    }

    // Issued by your own authority, and for the host that was asked for: by default anybody's certificate of any public authority would do.
    public static bool IsTrusted(X509Certificate2 remote, SslPolicyErrors errors, X509Certificate2 authority)
    {
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == SslPolicyErrors.None && chain.Build(remote);
    }

    public static void RunOnKubernetes(ISiloBuilder silo)
    {
        silo.UseKubernetesHosting()
            .UseRedisClustering("redis:6379")
            .AddRedisGrainStorage("brains", redis => redis.ConfigurationOptions = ConfigurationOptions.Parse("redis:6379"))
            .AddBrains();
    }
}
