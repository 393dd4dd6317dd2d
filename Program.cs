using System.Diagnostics;
double Work(int n){ double x=1; for(int i=0;i<n;i++) x=x*1.0000001+1e-9; return x; }
int n=1000; double sum=0; for(int i=0;i<20000;i++) sum+=Work(n);
for(int r=0;r<3;r++){
 // calibrate in frames
 int m=200_000; var t=new List<double>();
 for(int pass=0;pass<2;pass++){ t.Clear(); for(int k=0;k<(pass==0?60:300);k++){ long a=Stopwatch.GetTimestamp(); sum+=Work(m); t.Add(Stopwatch.GetElapsedTime(a).TotalMilliseconds); while(Stopwatch.GetElapsedTime(a).TotalMilliseconds<16.6) Thread.Sleep(1);} t.Sort(); if(pass==0) m=(int)(m*0.9/t[t.Count/2]); }
 Console.WriteLine($"spin median {t[150]:F3} p90 {t[270]:F3} p99 {t[297]:F3} max {t[299]:F3}; over 1.15: {t.Count(x=>x>1.15)}  {(sum>0?"":"")}");
}
