// operator_page: the page of GET control_url/, whole: no address but its own is asked for. It shows what GET
// control_url/overview says, and what changed since it last asked.
#include "reference_platform/ops/overview.hpp"

namespace platform::ops {
namespace {

constexpr char kHead[] = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>CardStorm shop</title>
<link rel="icon" href="data:,">
<style>
:root{--bg:#f4f6f9;--card:#fff;--ink:#18202b;--soft:#5b6876;--line:#e2e7ee;--blue:#2f6bc4;--good:#12804a;--warn:#9a6200;--bad:#c02b20;--goodbg:#e3f4ea;--warnbg:#fdf1d8;--badbg:#fde6e3}
@media(prefers-color-scheme:dark){:root{--bg:#12161b;--card:#1b2128;--ink:#e3e9f0;--soft:#96a3b2;--line:#2c3540;--blue:#6aa5f5;--good:#5fd093;--warn:#f0b854;--bad:#ff8378;--goodbg:#14321f;--warnbg:#3a2c0d;--badbg:#401a17}}
*{box-sizing:border-box}
body{font:15px/1.45 system-ui,"Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;margin:0;color:var(--ink);background:var(--bg)}
main{max-width:76rem;margin:0 auto;padding:1.2rem 1rem 3rem}
header{display:flex;flex-wrap:wrap;gap:.3rem .8rem;align-items:center;margin-bottom:.9rem}
h1{font-size:1.25rem;margin:0}h2{font-size:.95rem;margin:1.4rem 0 .5rem}
small,.soft{color:var(--soft);font-weight:400}header .soft{margin-left:auto;font-variant-numeric:tabular-nums}
.pill{display:inline-block;padding:.1rem .6rem;border-radius:1rem;font-weight:600;font-size:.85rem;white-space:nowrap}
.good{color:var(--good);background:var(--goodbg)}.warn{color:var(--warn);background:var(--warnbg)}.bad{color:var(--bad);background:var(--badbg)}.none{color:var(--soft);background:var(--line)}
#alarms{list-style:none;margin:0 0 1rem;padding:0;display:grid;gap:.35rem}
#alarms li{padding:.45rem .8rem;border-radius:.5rem;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(13.5rem,1fr));gap:.7rem}
.tile,.panel{background:var(--card);border:1px solid var(--line);border-radius:.6rem}
.tile{padding:.6rem .8rem .5rem;min-width:0;white-space:nowrap;overflow:hidden}.tile b{display:block;font-size:1.5rem;line-height:1.25;font-variant-numeric:tabular-nums}
.tile.warn b{color:var(--warn)}.tile.bad b{color:var(--bad)}.tile.warn,.tile.bad{background:var(--card)}
.tile svg{display:block;width:100%;height:30px;margin-top:.2rem}
.partners{display:flex;flex-wrap:wrap;gap:.5rem}
.panel{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.45rem .7rem;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}tr:last-child>td{border-bottom:0}
th{font-weight:600;color:var(--soft);font-size:.82rem}th small{display:block}.n{text-align:right;font-variant-numeric:tabular-nums}
td.hot{color:var(--bad);font-weight:600}td.why{white-space:normal}
.bar{display:inline-block;width:5.5rem;height:.65rem;background:var(--line);border-radius:.35rem;overflow:hidden;vertical-align:middle;margin-right:.4rem}
.bar i{display:block;height:100%;float:left}.used{background:var(--blue)}.held{background:var(--bad)}
summary{cursor:pointer;color:var(--blue)}pre{margin:.3rem 0 0;font-size:.78rem;white-space:pre-wrap;overflow-wrap:anywhere;max-width:30rem}
footer{margin-top:1rem;color:var(--soft);font-size:.85rem}code{font-size:.85em}
</style></head><body><main>
<header><h1>CardStorm shop <small id="variant"></small></h1><span class="pill none" id="state">asking… 查询中</span><span class="soft" id="at"></span></header>
<ul id="alarms"></ul>
<section class="tiles" id="tiles"></section>
<h2>Channels and suppliers <small>支付渠道与供应商</small></h2><div class="partners" id="partners"></div>
<h2>Nodes <small>节点</small></h2>
<div class="panel"><table><thead><tr><th>node<small>节点</small></th><th>state<small>状态</small></th><th>pool<small>连接池</small></th><th class="n">waiting<small>等连接</small></th><th class="n">queued<small>排队</small></th>
<th class="n">memory<small>内存</small></th><th class="n">restarts<small>重启</small></th><th>metrics<small>指标</small></th></tr></thead><tbody id="rows"></tbody></table></div>
<footer>The same as JSON 同样内容: <code>GET overview</code> · instances 扩缩容: <code>POST scale {"role":"order","instances":3}</code> · the contract 接口约定: <code>reference_platform/api.md</code></footer>
</main>
)html";

constexpr char kScript[] = R"html(<script>
'use strict';
const KEEP=120, $=id=>document.getElementById(id), open=new Set(), past={};
let before=null;
const make=(tag,cls,text)=>{const e=document.createElement(tag);if(cls)e.className=cls;if(text!==undefined)e.textContent=text;return e};
const family=k=>k.split('{')[0], label=(k,name)=>{const m=k.match(new RegExp('[{,]'+name+'="([^"]*)"'));return m?m[1]:''};
/// All values of a family over all nodes that the filter lets pass.
const each=(o,name,ok=()=>true)=>o.nodes.flatMap(n=>Object.entries(n.metrics).filter(([k])=>family(k)===name&&ok(k)).map(([k,v])=>({node:n.name,key:k,value:v})));
const sum=(o,name,ok)=>each(o,name,ok).reduce((a,x)=>a+x.value,0);
const most=(o,name)=>{const a=each(o,name);return a.length?Math.max(...a.map(x=>x.value)):null};
/// How much a counter has risen per second; a node that started again counts from zero.
const rate=(o,name,ok)=>{
  if(!before)return null;
  const was={},known=new Set(before.nodes.filter(n=>Object.keys(n.metrics).length).map(n=>n.name));
  for(const x of each(before,name,ok))was[x.node+x.key]=x.value;
  let up=0;for(const x of each(o,name,ok)){const w=was[x.node+x.key]??0;if(known.has(x.node))up+=x.value>=w?x.value-w:x.value}
  return up/Math.max(.2,(o.at_ms-before.at_ms)/1000);
};
/// Quantile of what the public node served since it was last asked, in milliseconds.
const served=o=>o&&o.nodes[0]&&o.nodes[0].served;
const quantile=(o,q)=>{
  const now=served(o),was=served(before);
  if(!now||!was||now.buckets.length!==was.buckets.length)return null;
  const d=now.buckets.map((b,i)=>[b[0],b[1]-was.buckets[i][1]]), all=d.length?d[d.length-1][1]:0;
  if(all<=0)return null;
  let low=0,under=0;
  for(const [le,n] of d){
    if(n>=q*all)return 1000*(le===null?low:low+(le-low)*(n>under?(q*all-under)/(n-under):1));
    if(le!==null)low=le;under=n;
  }
  return null;
};
/// Answers of the public node per second whose status the filter lets pass.
const answers=(o,ok)=>{
  const now=served(o),was=served(before);
  if(!now||!was)return null;
  const up=Object.entries(now.status).filter(([s])=>ok(s)).reduce((a,[s,n])=>a+Math.max(0,n-(was.status[s]??0)),0);
  return up/Math.max(.2,(o.at_ms-before.at_ms)/1000);
};
const show=(v,digits)=>v===null?'–':v>=1000?Math.round(v).toLocaleString('en'):v.toFixed(v>=100?0:digits);
const spark=id=>{
  const a=past[id],known=a.filter(v=>v!==null),top=Math.max(...known,1e-9),ns='http://www.w3.org/2000/svg';
  const s=document.createElementNS(ns,'svg'),p=document.createElementNS(ns,'path');
  s.setAttribute('viewBox','0 0 '+KEEP+' 30');s.setAttribute('preserveAspectRatio','none');s.setAttribute('aria-hidden','true');
  let d='',pen='M';
  a.forEach((v,i)=>{if(v===null){pen='M';return}d+=pen+(KEEP-a.length+i)+' '+(28-26*v/top).toFixed(1);pen='L'});
  p.setAttribute('d',d);p.setAttribute('fill','none');p.setAttribute('stroke','var(--blue)');p.setAttribute('stroke-width','1.5');p.setAttribute('vector-effect','non-scaling-stroke');
  const under=p.cloneNode();
  under.setAttribute('d',a.map((v,i)=>v===null?'':'M'+(KEEP-a.length+i)+' 30V'+(28-26*v/top).toFixed(1)).join(''));under.setAttribute('stroke-width','1');under.removeAttribute('vector-effect');under.setAttribute('stroke-opacity','.18');
  s.append(under,p);return s;
};
const tile=(id,en,zh,value,unit,digits,level)=>{
  const list=past[id]=past[id]||[];list.push(value);if(list.length>KEEP)list.shift();
  const t=make('div','tile '+(level||''));t.append(make('span','',en+' '),make('small','',zh));
  const b=make('b','',show(value,digits));b.append(make('small','',value===null?'':' '+unit));t.append(b,spark(id));$('tiles').append(t);
};
const STATES=[['ok 正常','good'],['breaker open 熔断','bad'],['probing 试探','warn']];
const breakers=o=>each(o,'breaker_state').map(x=>({name:label(x.key,'target'),state:x.value})).sort((a,b)=>a.name<b.name?-1:1);
function alarms(o){
  const out=[],say=(level,text)=>out.push([level,text]);
  for(const n of o.nodes){
    if(!n.alive)say('bad',n.name+': down 已停止');
    else if(!n.ready)say('bad',n.name+': not ready 未就绪: '+n.reason);
    if(n.pool&&n.pool.held)say('bad',n.name+': '+n.pool.held+' database connections are held 数据库连接被占用');
    else if(n.pool&&n.pool.used>=.9*n.pool.max&&!n.pool.waiting)say('warn',n.name+': the database connections are nearly used up 数据库连接将耗尽: '+n.pool.used+' / '+n.pool.max);
    else if(n.pool&&n.pool.waiting)say('warn',n.name+': '+n.pool.waiting+' wait for a database connection 等待数据库连接');
    if((n.metrics.platform_requests_queued??0)>=20)say('warn',n.name+': '+n.metrics.platform_requests_queued+' requests are queued 请求排队');
  }
  for(const b of breakers(o))if(b.state===1)say('bad',b.name+': breaker open 熔断'); else if(b.state===2)say('warn',b.name+': breaker half-open, probing 熔断试探');
  const slow=quantile(o,.99),broken=answers(o,s=>s>='500');
  if(slow>1000)say(slow>3000?'bad':'warn','buyers wait 用户等待: p99 '+(slow/1000).toFixed(1)+' s');
  if(broken>0)say('bad','answers 5xx 服务端错误: '+show(broken,1)+' /s');
  const queue=most(o,'intake_oldest_age_seconds'),outbox=most(o,'outbox_oldest_age_seconds');
  if(queue>1)say(queue>2.5?'bad':'warn','orders wait in the queue since 订单排队已 '+queue.toFixed(1)+' s');
  if(outbox>3)say(outbox>15?'bad':'warn','messages between roles wait since 内部消息积压已 '+outbox.toFixed(1)+' s');
  const stuck=sum(o,'refunds_stuck'),differ=sum(o,'reconciliation_open');
  if(stuck)say('bad',stuck+' refunds need a person 退款需人工处理: GET ops/reconciliation');
  if(differ)say('warn',differ+' open differences to the bills 对账差异: GET ops/reconciliation');
  return out;
}
function draw(o){
  const wrong=alarms(o),worst=wrong.some(w=>w[0]==='bad')?'bad':wrong.length?'warn':'good';
  $('variant').textContent=o.variant+' · '+o.version;
  $('state').className='pill '+worst;
  $('state').textContent=wrong.length?wrong.length+(wrong.length===1?' problem · ':' problems · ')+wrong.length+' 个异常':'all well 一切正常';
  document.title=(wrong.length?'('+wrong.length+') ':'')+'CardStorm '+o.variant;
  $('at').textContent=o.nodes.filter(n=>n.ready).length+' / '+o.nodes.length+' ready 就绪 · '+new Date(o.at_ms).toLocaleTimeString('en-GB');
  $('alarms').replaceChildren(...wrong.slice(0,12).map(([level,text])=>make('li',level,text)));
  $('tiles').textContent='';
  const real=k=>label(k,'traffic')!=='marked',broken=answers(o,s=>s>='500'),refused=answers(o,s=>s==='429');
  tile('requests','requests','请求',answers(o,()=>true),'/s',1);
  tile('p99','latency p99','延迟',quantile(o,.99),'ms',1,quantile(o,.99)>1000?'warn':'');
  tile('p50','latency p50','延迟中位',quantile(o,.5),'ms',1);
  tile('broken','answers 5xx','服务端错误',broken,'/s',1,broken>0?'bad':'');
  tile('refused','answers 429','限流',refused,'/s',1,refused>0?'warn':'');
  for(const [outcome,en,zh] of [['created','orders made','下单'],['paid','orders paid','支付成功'],['delivered','orders delivered','发货']])
    tile(outcome,en,zh,rate(o,'trade_orders_total',k=>label(k,'outcome')===outcome&&real(k)),'/s',1);
  const queue=most(o,'intake_oldest_age_seconds'),outbox=most(o,'outbox_oldest_age_seconds');
  if(queue!==null)tile('queue','queue age','订单排队时长',queue,'s',1,queue>1?'bad':'');
  if(outbox!==null)tile('outbox','message age','内部消息积压',outbox,'s',1,outbox>3?'bad':'');
  const list=breakers(o);
  $('partners').replaceChildren(...list.map(b=>{const [text,cls]=STATES[b.state]||['?','none'];return make('span','pill '+cls,b.name+' · '+text)}));
  if(!list.length)$('partners').append(make('span','soft','no breakers in this variant 此版本没有熔断器'));
  $('rows').textContent='';
  for(const n of o.nodes){
    const r=$('rows').insertRow(),cell=(text,cls)=>{const c=r.insertCell();c.textContent=text;if(cls)c.className=cls;return c};
    cell(n.name);
    const s=cell('','why');s.append(make('span','pill '+(n.ready?'good':'bad'),n.ready?'ready 就绪':n.alive?'not ready 未就绪':'down 停止'));
    if(n.alive&&!n.ready)s.append(' '+n.reason);
    const p=cell('','n');p.style.textAlign='left';
    if(n.pool){
      const b=make('span','bar');
      for(const k of ['used','held']){const i=make('i',k);i.style.width=100*n.pool[k]/Math.max(1,n.pool.max)+'%';b.append(i)}
      p.append(b,(n.pool.used+n.pool.held)+' / '+n.pool.max);
    }else p.textContent='–';
    cell(n.pool?n.pool.waiting:'–','n'+(n.pool&&n.pool.waiting?' hot':''));
    const queued=n.metrics.platform_requests_queued;
    cell(queued??'–','n'+(queued>=20?' hot':''));
    const bytes=n.metrics.process_resident_memory_bytes;
    cell(bytes?Math.round(bytes/1048576)+' MB':'–','n');
    cell(n.restarts,'n'+(n.restarts?' hot':''));
    const d=make('details'),names=Object.keys(n.metrics);
    d.open=open.has(n.name);d.ontoggle=()=>d.open?open.add(n.name):open.delete(n.name);
    d.append(make('summary','',names.length),make('pre','',names.map(k=>k+' '+n.metrics[k]).join('\n')));
    r.insertCell().append(d);
  }
}
async function look(){
  try{
    const answer=await fetch('overview',{cache:'no-store',signal:AbortSignal.timeout(5000)});
    if(!answer.ok)throw answer.status;
    const o=await answer.json();
    draw(o);before=o;
  }catch(e){
    $('state').className='pill bad';$('state').textContent='no answer 无应答';
    $('alarms').replaceChildren(make('li','bad','the supervisor does not answer; what is below is old 监督进程没有应答，以下为旧数据'));
    before=null;
  }
  setTimeout(look,1000);
}
look();
</script></body></html>
)html";

}  // namespace

const std::string& operator_page() {
  static const std::string page = std::string(kHead) + kScript;
  return page;
}

}  // namespace platform::ops
